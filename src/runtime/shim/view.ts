/** Views of containers' roots: a helper goes into a mount namespace of its own, and its root is reached through /proc. */
import { closeSync, constants, openSync } from 'node:fs';
import { systemError } from '../../errors.ts';
import { openFlag } from '../../linux/ffi/files.ts';
import type { ViewPlan } from '../compile/view.ts';
import { encodeSection } from '../plan/encode.ts';
import type { RootView } from '../shim.ts';
import { ControlConnection, encodeMessage } from './connection.ts';
import { launchErrorOf } from './failure.ts';
import type { IdleShim } from './supply.ts';

/** Turns a shim that nobody has spoken to into a view. */
export async function openView({ control, pid, exited }: IdleShim, plan: ViewPlan): Promise<RootView> {
  const connection = new ControlConnection(control, { onEvent: () => undefined, onClose: () => undefined });
  const request = connection.nextRequest();
  const answered = connection.answer(request, (answer) => {
    if (answer?.kind === 'failed') throw launchErrorOf(answer, plan);
    if (answer === undefined) throw systemError('the helper ended before it could show a container\'s files');
    // It waits for its connection to end, so the number is still its own.
    return openSync(`/proc/${pid}/root`, openFlag.O_PATH | constants.O_DIRECTORY);
  });
  connection.send(encodeMessage('view', { request, prepare: encodeSection(plan.prepare), init: encodeSection(plan.init) }));
  try {
    const fd = await answered;
    return {
      fd,
      async close() {
        closeSync(fd);
        connection.close();
        await exited;
      },
    };
  } catch (error) {
    connection.close();
    await exited;
    throw error;
  }
}
