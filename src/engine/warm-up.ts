/**
 * The first start should not be slower than the others: after the daemon has said that it is ready, the way from a record to an
 * encoded plan is walked a few dozen times for a container that does not exist, so that its code is compiled. A turn of the event
 * loop lies between two rounds, and nothing outside of the process is changed.
 */
import { setImmediate } from 'node:timers/promises';
import { encodePlan } from '../runtime/plan/encode.ts';
import { Container } from './container.ts';
import { created, zeroTime } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { buildLaunchRequest } from './launch-request.ts';
import { adaptHostConfig } from './spec/adapt.ts';
import { defaultPath } from './spec/defaults.ts';

const rounds = 60;

export async function warmUp(context: EngineContext): Promise<void> {
  const container = new Container({
    id: '0'.repeat(64), name: 'warm-up', created: zeroTime, config: { Env: [`PATH=${defaultPath}`], Cmd: ['true'] },
    hostConfig: adaptHostConfig({}, context.host), imageId: '', topLayer: null, argv: ['true'], mounts: [], networks: {}, endpoints: [], ports: [], restartCount: 0,
    manuallyStopped: false, state: created,
  });
  for (let round = 0; round < rounds; round++) {
    encodePlan(buildLaunchRequest(context, container, []).plan);
    await setImmediate();
  }
}
