import { commandLine } from '../command-line.ts';
import { create, remove, sleep, start } from '../containers.ts';
import type { Figure } from '../figure.ts';
import { timed } from '../statistics.ts';

/** How many containers are listed, every tenth of them running. */
const crowd = 50;

/** All containers of an engine, through the API and with the docker command. */
export const list: Figure = {
  name: 'list',
  rows: {
    list: { title: 'ps of 50 containers through the API', unit: 'ms', goal: 2 },
    command: { title: '- the same with docker ps -a', unit: 'ms' },
  },
  async measure({ docker, engine }, { rounds, commands }) {
    const client = engine.client();
    const ids: string[] = [];
    for (let count = 0; count < crowd; count++) {
      const id = count % 10 === 0 ? await start(client, sleep) : await create(client, sleep);
      ids.push(id);
    }
    const samples = await timed(rounds, async () => {
      const found = await client.json<unknown[]>('GET', '/containers/json?all=1');
      if (found.length !== crowd) throw new Error(`ps: ${found.length} containers instead of ${crowd}`);
    });
    const command = await commandLine([docker, 'ps', '-a'], { DOCKER_HOST: engine.host }, commands);
    for (const id of ids) await remove(client, id);
    client.close();
    return { list: samples, command };
  },
};
