/**
 * The daemon is killed in the middle of what it does about networks. The next one knows the truth: a network is there with its bridge or not at all, a
 * container has the interfaces that inspect shows, its names and ports lead to it, and everything can be done again.
 */
import { describe, expect } from 'bun:test';
import { readFileSync } from 'node:fs';
import { generator, interrupted } from '../support/interruption.ts';
import { run } from '../support/command.ts';
import { busybox } from '../support/paths.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it } = useEngine({ bridge: true }, 'nf-tables', 'caisson');

/** Rounds of each operation. */
const rounds = 3;

function survives(operation: string, seed: number, round: (name: string, random: () => number) => Promise<void>): void {
  it(`${operation}, cut short at any moment`, async () => {
    const random = generator(seed);
    for (let count = 0; count < rounds; count++) await round(`${operation.replaceAll(' ', '-')}-${count}`, random);
  });
}

interface Network {
  readonly Id: string;
}

const hostInterfaces = () => readFileSync(`/proc/${subject.engine.namespaces.pid}/net/dev`, 'utf8');

/** Undefined when there is no such network; one that there is has its bridge, and no other is left of it. */
async function networkNamed(name: string): Promise<Network | undefined> {
  const all = await subject.api.json<(Network & { Name: string; Driver: string })[]>('GET', '/networks');
  const bridges = [...hostInterfaces().matchAll(/\b(br-[0-9a-f]{12}):/g)].map(([, found]) => found as string);
  const wanted = all.filter(({ Name, Driver }) => Driver === 'bridge' && Name !== 'bridge').map(({ Id }) => `br-${Id.slice(0, 12)}`);
  expect(bridges.toSorted()).toEqual(wanted.toSorted());
  return all.find(({ Name }) => Name === name);
}

/** The container's interfaces are those of its networks, with the addresses that are shown. */
async function checkInterfaces(name: string): Promise<void> {
  const networks = Object.values(JSON.parse(await subject.inspect(name, '{{json .NetworkSettings.Networks}}')) as Record<string, { IPAddress: string; IPPrefixLen: number }>);
  const found = await subject.output('exec', name, 'ip', '-4', '-o', 'addr');
  const addresses = [...found.matchAll(/eth\d+ +inet (\S+)/g)].map(([, address]) => address as string);
  expect(addresses.toSorted()).toEqual(networks.map(({ IPAddress, IPPrefixLen }) => `${IPAddress}/${IPPrefixLen}`).toSorted());
}

const port = 8090;
const server = (network: string) => ({
  Image: 'busybox', Cmd: ['sh', '-c', 'exec tcpsvd 0 80 echo here'], ExposedPorts: { '80/tcp': {} },
  HostConfig: { NetworkMode: network, PortBindings: { '80/tcp': [{ HostPort: String(port) }] } },
});
const create = (name: string, network: string) => subject.api.json('POST', `/containers/create?name=${name}`, server(network));
/** Whether the published port leads to the container; its server may take a moment. */
async function isReached(): Promise<boolean> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const { stdout } = await run(subject.engine.namespaces.enter([busybox, 'nc', '-w', '1', '127.0.0.1', String(port)]));
    if (stdout.trim() === 'here') return true;
  }
  return false;
}
const stateOf = (name: string) => subject.inspect(name, '{{.State.Status}}');
const remove = async (container: string, network: string) => {
  await subject.output('rm', '-f', container);
  await subject.output('network', 'rm', network);
  expect(await networkNamed(network)).toBeUndefined();
};

describe('a daemon killed during', () => {
  survives('network create', 11, async (name, random) => {
    await interrupted(subject, random, 'POST', '/networks/create', { Name: name, IPAM: { Config: [{ Subnet: '10.55.0.0/24' }] } });
    if (await networkNamed(name) === undefined) await subject.output('network', 'create', '--subnet', '10.55.0.0/24', name);
    expect(await subject.output('run', '--rm', '--network', name, 'busybox', 'ip', '-4', '-o', 'addr', 'show', 'eth0')).toContain('10.55.0.2/24');
    await subject.output('network', 'rm', name);
  });

  survives('network rm', 12, async (name, random) => {
    await subject.output('network', 'create', '--subnet', '10.55.0.0/24', name);
    await interrupted(subject, random, 'DELETE', `/networks/${name}`);
    if (await networkNamed(name) !== undefined) await subject.output('network', 'rm', name);
    expect(await networkNamed(name)).toBeUndefined();
    // Its addresses are free.
    await subject.output('network', 'create', '--subnet', '10.55.0.0/24', name);
    await subject.output('network', 'rm', name);
  });

  survives('start with a port', 13, async (name, random) => {
    await subject.output('network', 'create', name);
    await create(`${name}-c`, name);
    await interrupted(subject, random, 'POST', `/containers/${name}-c/start`);
    if (await stateOf(`${name}-c`) !== 'running') await subject.output('start', `${name}-c`);
    await checkInterfaces(`${name}-c`);
    expect(await isReached()).toBe(true);
    expect((await subject.docker('run', '--rm', '-p', `${port}:80`, 'busybox', 'true')).stderr).toContain('port is already allocated');
    expect(await subject.output('run', '--rm', '--network', name, 'busybox', 'nslookup', `${name}-c`)).toContain(await subject.inspect(`${name}-c`, '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'));
    await remove(`${name}-c`, name);
  });

  survives('stop with a port', 14, async (name, random) => {
    await subject.output('network', 'create', name);
    await create(`${name}-c`, name);
    await subject.output('start', `${name}-c`);
    await interrupted(subject, random, 'POST', `/containers/${name}-c/stop?t=0`);
    await subject.output('stop', '-t', '0', `${name}-c`);
    await subject.output('start', `${name}-c`);
    await checkInterfaces(`${name}-c`);
    expect(await isReached()).toBe(true);
    await remove(`${name}-c`, name);
  });

  survives('connect', 15, async (name, random) => {
    await subject.output('network', 'create', name);
    await create(`${name}-c`, 'bridge');
    await subject.output('start', `${name}-c`);
    await interrupted(subject, random, 'POST', `/networks/${name}/connect`, { Container: `${name}-c` });
    const { stderr } = await subject.docker('network', 'connect', name, `${name}-c`);
    expect(stderr === '' || stderr.includes('already exists')).toBe(true);
    await checkInterfaces(`${name}-c`);
    expect(await isReached()).toBe(true);
    await remove(`${name}-c`, name);
  });

  survives('disconnect', 16, async (name, random) => {
    await subject.output('network', 'create', name);
    await create(`${name}-c`, 'bridge');
    await subject.output('start', `${name}-c`);
    await subject.output('network', 'connect', name, `${name}-c`);
    await interrupted(subject, random, 'POST', `/networks/${name}/disconnect`, { Container: `${name}-c` });
    const { stderr } = await subject.docker('network', 'disconnect', name, `${name}-c`);
    expect(stderr === '' || stderr.includes('is not connected to network')).toBe(true);
    await checkInterfaces(`${name}-c`);
    expect(await isReached()).toBe(true);
    await remove(`${name}-c`, name);
  });
});

leavesNothingBehind(subject, 'caisson');
