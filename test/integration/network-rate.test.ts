/** `HostConfig.NetworkRate`: how fast a container's interfaces are. What the kernel makes of it is looked at, not timed. */
import { afterAll, beforeAll, expect } from 'bun:test';
import { integer, oneof, sample } from 'fast-check';
import { shapeFor } from '../../src/network/network-rate.ts';
import { Lab } from '../support/network-lab.ts';
import { TEST_PATIENCE } from '../support/patience.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, needs } = useEngine({ bridge: true });
const it = requires(...needs, 'caisson');
const parents = '"$0" ip link add out0 type veth && "$0" ip link set out0 up && "$0" ip link set veth0 up';

let lab: Lab;
beforeAll(async () => {
  if (missing('root') === undefined) lab = await Lab.make();
}, TEST_PATIENCE);
afterAll(async () => lab?.end(), TEST_PATIENCE);

const create = (HostConfig: object) => subject.api.request('POST', '/containers/create', { Image: 'busybox', Cmd: ['sleep', '1000'], HostConfig });
async function started(name: string, HostConfig: object): Promise<void> {
  await subject.api.json('POST', `/containers/create?name=${name}`, { Image: 'busybox', Cmd: ['sleep', '1000'], HostConfig });
  await subject.output('start', name);
}
const ratesOnHost = async () => (await Lab.around(subject.engine.namespaces).attempt({ do: 'rates' }))[0] as number[];
const shaped = async (name: string) => (await subject.output('exec', name, 'tc', 'qdisc')).split('\n').filter((line) => line.includes('tbf')).length;

requires('root')('whatever the rate, the kernel has what was meant', async () => {
  await lab.steps({ do: 'bridge', name: 'shaped' });
  const rates = sample(oneof(integer({ min: 1024, max: 2 ** 32 - 1 }), integer({ min: 2 ** 32, max: 2 ** 40 })), 300);
  const shapes = [1024, 2 ** 32 - 1, 2 ** 32, ...rates].map(shapeFor);
  const [found] = await lab.attempt({ do: 'shape', name: 'shaped', shapes });
  expect(found).toEqual(shapes.map(({ rate, limit }) => ({ rate, limit: Math.min(limit, 0xffff_ffff) })));
});

it('limits both ends of the cable, after network connect too, and is shown', async () => {
  await subject.output('network', 'create', 'more');
  await started('limited', { NetworkRate: 2_000_000 });
  expect(await ratesOnHost()).toEqual([2_000_000]);
  expect(await shaped('limited')).toBe(1);
  await subject.output('network', 'connect', 'more', 'limited');
  expect(await ratesOnHost()).toEqual([2_000_000, 2_000_000]);
  expect(await shaped('limited')).toBe(2);
  expect(await subject.api.json('GET', '/containers/limited/json')).toMatchObject({ HostConfig: { NetworkRate: 2_000_000 } });
  expect(await subject.output('exec', 'limited', 'ip', 'route')).toContain('default via');
  await subject.clear();
});

it('is no limit unless it was asked for', async () => {
  await started('free', {});
  expect([await ratesOnHost(), await shaped('free')]).toEqual([[], 0]);
  expect((await subject.api.json<{ HostConfig: object }>('GET', '/containers/free/json')).HostConfig).not.toHaveProperty('NetworkRate');
  await subject.clear();
});

requires(...needs, 'caisson', 'macvlan-links')('limits what a container sends on a macvlan', async () => {
  await Lab.around(subject.engine.namespaces).host.do(parents);
  await subject.output('network', 'create', '-d', 'macvlan', '--subnet', '10.94.0.0/24', '-o', 'parent=out0', 'beside');
  await started('limited', { NetworkRate: 2_000_000, NetworkMode: 'beside' });
  expect(await shaped('limited')).toBe(1);
  await subject.clear();
  await Lab.around(subject.engine.namespaces).host.do('"$0" ip link del out0');
});

it('refuses rates that are none, and networks that are not the container\'s own', async () => {
  for (const [hostConfig, text] of [
    [{ NetworkRate: 1000 }, 'invalid network rate 1000: it is at least 1024 bytes per second'],
    [{ NetworkRate: -1 }, 'invalid network rate -1: it is at least 1024 bytes per second'],
    [{ NetworkRate: 5000, NetworkMode: 'host' }, 'conflicting options: network rate and the network mode'],
  ] as const) {
    const { status, body } = await create(hostConfig);
    expect([status, (JSON.parse(body.toString()) as { message: string }).message]).toEqual([400, text]);
  }
});

leavesNothingBehind(subject);
