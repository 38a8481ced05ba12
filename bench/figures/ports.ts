import { create, remove, sleep } from '../containers.ts';
import type { Figure, Samples } from '../figure.ts';

/** Ports that are published when the last one is. */
const many = 1000;
const first = 20_000;

/** Starts of containers with one published port: when no other is, and when a thousand are, all of them of one other container. */
export const ports: Figure = {
  name: 'ports',
  rows: {
    first: { title: 'start with one published port, the 1st of all', unit: 'ms' },
    last: { title: `- after ${many} others`, unit: 'ms' },
  },
  async measure({ engine, name }, { rounds }): Promise<Samples> {
    const client = engine.client();
    const starts = async (): Promise<number[]> => {
      const times: number[] = [];
      for (let round = -1; round < rounds; round++) {
        const id = await create(client, sleep, published(first - 1, 1), exposed(1));
        const begin = performance.now();
        await client.json('POST', `/containers/${id}/start`);
        if (round >= 0) times.push(performance.now() - begin);
        await remove(client, id);
      }
      return times;
    };
    const before = await starts();
    // A dockerd takes minutes for a thousand: two processes and several commands for each.
    if (name !== 'Caisson') {
      client.close();
      return { first: before };
    }
    const crowd = await create(client, sleep, published(first, many), exposed(many));
    await client.json('POST', `/containers/${crowd}/start`);
    const last = await starts();
    await remove(client, crowd);
    client.close();
    return { first: before, last };
  },
};

const keys = (count: number) => Array.from({ length: count }, (_, index) => [`${index + 1}/tcp`, index] as const);
const published = (from: number, count: number) => ({
  NetworkMode: 'bridge', PortBindings: Object.fromEntries(keys(count).map(([key, index]) => [key, [{ HostIp: '', HostPort: String(from + index) }]])),
});
const exposed = (count: number) => ({ ExposedPorts: Object.fromEntries(keys(count).map(([key]) => [key, {}])) });
