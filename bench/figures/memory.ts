import { engineProcesses, proportionalSetSize } from '../../test/support/processes.ts';
import { remove, sleep, start } from '../containers.ts';
import type { Figure } from '../figure.ts';

/** Engines give back what a burst of work took once they are left alone; each has this long, in milliseconds. */
const settle = 3000;

/** Memory (PSS) of the engine's processes: idle, and more of it for each running container. */
export const memory: Figure = {
  name: 'memory',
  rows: {
    perContainer: { title: 'engine memory per running container (PSS)', unit: 'bytes', goal: 10 },
    idle: { title: 'idle engine (PSS)', unit: 'bytes', goal: 2 },
  },
  async measure({ engine }, { crowd }) {
    const total = () => engineProcesses(engine.namespaces).reduce((sum, pid) => sum + proportionalSetSize(pid), 0);
    const client = engine.client();
    await Bun.sleep(settle);
    const idle = total();
    const ids: string[] = [];
    for (let index = 0; index < crowd; index++) ids.push(await start(client, sleep));
    await Bun.sleep(settle);
    const crowded = total();
    for (const id of ids) await remove(client, id);
    client.close();
    return { idle: [idle], perContainer: [(crowded - idle) / crowd] };
  },
};
