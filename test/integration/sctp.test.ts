/** Published SCTP ports, where the kernel has SCTP: the virtual machine's. */
import { afterAll, beforeAll, expect } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { Lab, type Node } from '../support/network-lab.ts';
import { run as command } from '../support/command.ts';
import { bun, checkout } from '../support/paths.ts';
import { TEST_PATIENCE } from '../support/patience.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, needs } = useEngine({ bridge: true }, 'nf-tables', 'sctp');
const it = requires(...needs);
const program = path.join(checkout, 'test/support/sctp.ts');

let lab: Lab;
let outside: Node;

beforeAll(async () => {
  if (missing(...needs) !== undefined) return;
  lab = Lab.around(subject.engine.namespaces);
  outside = await lab.node({ hostAddresses: ['192.0.2.1/24'] }, ['192.0.2.2/24'], ['192.0.2.1']);
}, TEST_PATIENCE);
afterAll(async () => lab?.end(), TEST_PATIENCE);

const ask = async (enter: readonly string[], address: string, port: number) => (await command([...enter, 'timeout', '5', bun, program, 'ask', address, String(port)])).stdout;

it('a published port leads to the container, which sees who asks, and is held', async () => {
  await subject.output('run', '-d', '--name', 'signals', '-p', '3868:36412/sctp', 'busybox', 'sleep', '1000');
  await subject.output('run', '-d', '--name', 'neighbour', 'busybox', 'sleep', '1000');
  expect(JSON.parse(await subject.inspect('signals', '{{json .NetworkSettings.Ports}}'))).toEqual({ '36412/sctp': [{ HostIp: '0.0.0.0', HostPort: '3868' }, { HostIp: '::', HostPort: '3868' }] });
  const [inside, beside] = await Promise.all(['signals', 'neighbour'].map(async (name) => ['nsenter', `--net=/proc/${await subject.inspect(name, '{{.State.Pid}}')}/ns/net`, '--']));
  const [first, ...words] = [...(inside as string[]), bun, program, 'serve', '36412'];
  const server = spawn(first, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  try {
    await once(server.stdout, 'data');
    expect(await ask(outside.namespaces.enter([]), '192.0.2.1', 3868)).toBe('192.0.2.2');
    expect(await ask(lab.host.namespaces.enter([]), '192.0.2.1', 3868)).not.toBe('');
    expect(await ask(beside as string[], '192.0.2.1', 3868)).toBe(await subject.inspect('signals', '{{.NetworkSettings.Gateway}}'));
    const second = await subject.docker('run', '--rm', '-p', '3868:80/sctp', 'busybox', 'true');
    expect(second.stderr).toContain('port is already allocated');
  } finally {
    server.kill('SIGKILL');
    await exited;
  }
});

leavesNothingBehind(subject);
