import { create } from '../containers.ts';
import type { Figure } from '../figure.ts';
import { timed } from '../statistics.ts';

const port = '80/tcp';
const kinds = {
  none: {},
  bridge: { host: { NetworkMode: 'bridge' } },
  published: { host: { NetworkMode: 'bridge', PortBindings: { [port]: [{ HostIp: '127.0.0.1', HostPort: '18080' }] } }, config: { ExposedPorts: { [port]: {} } } },
} as const;

/** create + start + wait + remove of `true`, without a network, on the default bridge, and there with a published port; one after the other in each round. */
export const network: Figure = {
  name: 'network',
  rows: {
    none: { title: 'create+start+wait+remove of true, no network (compare)', unit: 'ms' },
    bridge: { title: '- on the default bridge', unit: 'ms', goal: 20 },
    published: { title: '- on the default bridge, one published port', unit: 'ms', goal: 18 },
  },
  async measure({ engine }, { rounds }) {
    const client = engine.client();
    const times: Record<keyof typeof kinds, number[]> = { none: [], bridge: [], published: [] };
    await timed(rounds, async () => {
      for (const name of ['none', 'bridge', 'published'] as const) {
        const kind: { readonly host?: object; readonly config?: object } = kinds[name];
        const begin = performance.now();
        const id = await create(client, ['true'], kind.host, kind.config);
        await client.json('POST', `/containers/${id}/start`);
        await client.json('POST', `/containers/${id}/wait`);
        await client.json('DELETE', `/containers/${id}`);
        times[name].push(performance.now() - begin);
      }
    });
    client.close();
    return times;
  },
};
