import { remove, sleep, start } from '../containers.ts';
import type { Figure } from '../figure.ts';

/** Many containers created and started all at once, then removed all at once. */
export const burst: Figure = {
  name: 'burst',
  rows: {
    start: { title: 'a burst of containers created and started at once', unit: 'ms', goal: 15 },
    remove: { title: 'the same removed at once', unit: 'ms', goal: 12 },
  },
  async measure({ engine }, { burst: count }) {
    const clients = Array.from({ length: count }, () => engine.client());
    await Promise.all(clients.map((client) => client.request('GET', '/_ping')));
    const before = performance.now();
    const ids = await Promise.all(clients.map((client) => start(client, sleep)));
    const between = performance.now();
    await Promise.all(clients.map((client, index) => remove(client, ids[index] as string)));
    const after = performance.now();
    for (const client of clients) client.close();
    return { start: [between - before], remove: [after - between] };
  },
};
