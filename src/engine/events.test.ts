import { expect, test } from 'bun:test';
import type { EventMessage } from './engine.ts';
import { EventBus, matchesFilters } from './events.ts';

const query = { since: '', until: '', filters: {} };

async function take(events: AsyncIterable<EventMessage>, count: number): Promise<string[]> {
  const actions: string[] = [];
  for await (const event of events) {
    actions.push(event.Action);
    if (actions.length === count) break;
  }
  return actions;
}

test('a subscriber sees what is published after it came, in order', async () => {
  const bus = new EventBus();
  bus.publish('container', 'create', 'a', {});
  const events = bus.subscribe({ ...query, signal: new AbortController().signal });
  bus.publish('container', 'start', 'a', {});
  bus.publish('container', 'die', 'a', {});
  expect(await take(events, 2)).toEqual(['start', 'die']);
});

test('since replays the past, and an until that has passed ends the stream', async () => {
  const bus = new EventBus();
  bus.publish('container', 'create', 'a', {});
  const events = bus.subscribe({ ...query, since: '1', until: String(Math.floor(Date.now() / 1000) - 0), signal: new AbortController().signal });
  bus.publish('container', 'late', 'a', {});
  expect((await take(events, 9)).includes('late')).toBe(false);
});

test('an aborted subscription ends', async () => {
  const bus = new EventBus();
  const controller = new AbortController();
  const events = bus.subscribe({ ...query, signal: controller.signal });
  controller.abort();
  expect(await take(events, 1)).toEqual([]);
});

test('values of a filter are alternatives, filters must all match', () => {
  const event: EventMessage = {
    Type: 'container', Action: 'exec_start: sh -c true', scope: 'local', time: 0, timeNano: 0,
    Actor: { ID: 'abcdef', Attributes: { name: 'web', image: 'busybox:latest', tier: 'front' } },
  };
  expect(matchesFilters(event, { event: ['die', 'exec_start'], container: ['web'] })).toBe(true);
  expect(matchesFilters(event, { container: ['abc'], type: ['container'] })).toBe(true);
  expect(matchesFilters(event, { image: ['busybox'], label: ['tier=front'] })).toBe(true);
  expect(matchesFilters(event, { label: ['tier=front', 'absent'] })).toBe(false);
  expect(matchesFilters(event, { type: ['image'] })).toBe(false);
});
