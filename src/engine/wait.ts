/** `POST /containers/{id}/wait`. */
import { invalidParameter } from '../errors.ts';
import type { Container, Waiter } from './container.ts';
import { exitCodeOf, isAlive } from './container-state.ts';

type WaitResult = Parameters<Waiter['settle']>[0];

/** Registers a wait and returns the promise of its result; a condition that is met already settles at once. */
export function waitFor(container: Container, condition: string): Promise<WaitResult> {
  const wanted = parseCondition(condition);
  const state = container.state;
  const idle = !isAlive(state) && state.status !== 'restarting';
  if (wanted === 'not-running' && idle) return Promise.resolve({ StatusCode: exitCodeOf(state) });
  return new Promise((settle) => container.waiters.add({ condition: wanted, settle }));
}

function parseCondition(condition: string): Waiter['condition'] {
  switch (condition) {
    case '':
    case 'not-running':
      return 'not-running';
    case 'next-exit':
    case 'removed':
      return condition;
    default:
      throw invalidParameter(`invalid condition: ${JSON.stringify(condition)}`);
  }
}
