import { remove, sleep, start } from '../containers.ts';
import type { Figure } from '../figure.ts';

/** `rm -f` of a container that runs, from the request to its answer. */
export const removal: Figure = {
  name: 'remove',
  rows: { remove: { title: 'rm -f of a running container through the API', unit: 'ms', goal: 10 } },
  async measure({ engine }, { rounds }) {
    const client = engine.client();
    const samples: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const id = await start(client, sleep);
      const before = performance.now();
      await remove(client, id);
      samples.push(performance.now() - before);
    }
    client.close();
    return { remove: samples };
  },
};
