import { Lab } from '../../test/support/network-lab.ts';
import { remove, sleep } from '../containers.ts';
import type { Contestant, Effort, Figure, Samples } from '../figure.ts';
import { type Place, Traffic } from '../traffic.ts';

const [port, hostPort] = [5001, 18_081];
const milliseconds = 400;
const queries = { count: 20_000, window: 16 };

/** What containers send and ask, beside a bare veth pair between two network namespaces, all of it in turn in each round. */
export const traffic: Figure = {
  name: 'traffic',
  rows: {
    veth: { title: 'TCP over a bare veth pair (compare)', unit: 'MB/s' },
    bridged: { title: '- container to container on one bridge', unit: 'MB/s' },
    bridgedShare: { title: '- that of the bare pair in the same round (to reach: 95 %)', unit: '%' },
    published: { title: '- host to container by a published port', unit: 'MB/s' },
    publishedShare: { title: '- that of the bare pair in the same round (to reach: 95 %)', unit: '%' },
    answers: { title: 'answers of one container\'s resolver, 16 queries at a time (to reach: 20,000)', unit: '/s' },
    p99: { title: '- the slowest of 100 (to reach: 2 ms)', unit: 'ms' },
  },
  async measure(on, effort) {
    const [tools, lab] = [new Traffic(), await Lab.make()];
    try {
      return await measure(on, effort, tools, lab);
    } finally {
      await tools.end();
      await lab.end();
    }
  },
};

async function measure({ engine }: Contestant, { rounds }: Effort, tools: Traffic, lab: Lab): Promise<Samples> {
  const far = await lab.node({ hostAddresses: ['192.0.2.1/24'] }, ['192.0.2.2/24'], []);
  const client = engine.client();
  await client.json('POST', '/networks/create', { Name: 'traffic' });
  const [one, two] = [await container('traffic-one'), await container('traffic-two', { PortBindings: { [`${port}/tcp`]: [{ HostPort: String(hostPort) }] } })];
  const samples: Record<string, number[]> = { veth: [], bridged: [], bridgedShare: [], published: [], publishedShare: [], answers: [], p99: [] };
  await tools.serve(far.namespaces.enter([]), port);
  await tools.serve(two.place, port);
  for (let round = -1; round < Math.max(4, rounds / 2); round++) {
    const veth = await tools.send(lab.host.namespaces.enter([]), '192.0.2.2', port, milliseconds);
    const bridged = await tools.send(one.place, two.address, port, milliseconds);
    const published = await tools.send(engine.namespaces.enter([]), two.gateway, hostPort, milliseconds);
    const { rate, p99 } = await tools.ask(one.place, '127.0.0.11', 'traffic-two', queries.count, queries.window);
    if (round < 0) continue;
    for (const [row, value] of Object.entries({ veth, bridged, published, bridgedShare: 100 * bridged / veth, publishedShare: 100 * published / veth, answers: rate, p99 })) {
      samples[row]?.push(value);
    }
  }
  for (const { id } of [one, two]) await remove(client, id);
  await client.json('DELETE', '/networks/traffic');
  client.close();
  return samples;

  async function container(name: string, more: object = {}): Promise<{ id: string; place: Place; address: string; gateway: string }> {
    const body = { Image: 'busybox', Cmd: sleep, ExposedPorts: { [`${port}/tcp`]: {} }, HostConfig: { NetworkMode: 'traffic', ...more } };
    const { Id: id } = await client.json<{ Id: string }>('POST', `/containers/create?name=${name}`, body);
    await client.json('POST', `/containers/${id}/start`);
    const { State, NetworkSettings } = await client.json<Inspected>('GET', `/containers/${id}/json`);
    const { IPAddress, Gateway } = NetworkSettings.Networks['traffic'] as Inspected['NetworkSettings']['Networks'][string];
    return { id, place: ['nsenter', `--net=/proc/${State.Pid}/ns/net`, '--'], address: IPAddress, gateway: Gateway };
  }
}

interface Inspected {
  readonly State: { readonly Pid: number };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly Gateway: string }>> };
}
