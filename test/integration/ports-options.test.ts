/** Published ports, with the daemon's options about them: a default address, and the host's own input rules. */
import { afterAll, beforeAll, expect } from 'bun:test';
import { Lab, type Node } from '../support/network-lab.ts';
import { TEST_PATIENCE } from '../support/patience.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, needs } = useEngine({ bridge: true, args: ['--respect-input-rules', '--ip', '192.0.2.1'], prepare: '"$0" ip addr add 192.0.2.1/32 dev lo' }, 'nf-tables', 'caisson');
const it = requires(...needs);

let lab: Lab;
let outside: Node;
let other: Node;

beforeAll(async () => {
  if (missing(...needs) !== undefined) return;
  lab = Lab.around(subject.engine.namespaces);
  outside = await lab.node({ hostAddresses: ['198.51.100.1/24'] }, ['198.51.100.2/24'], ['198.51.100.1']);
  other = await lab.node({ hostAddresses: ['203.0.113.1/24'] }, ['203.0.113.2/24'], ['203.0.113.1']);
}, TEST_PATIENCE);
afterAll(async () => lab?.end(), TEST_PATIENCE);

const asked = async (node: Node, address: string, port: number, protocol: 'tcp' | 'udp' = 'tcp') => {
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    const said = await node.ask(address, port, protocol);
    if (said !== undefined) return said;
  }
  return undefined;
};

it("publishes on the default address, by way of the host's input rules", async () => {
  const serve = 'for each in tcp udp; do ${each}svd -v :: 80 echo here & done; wait';
  await subject.output('run', '-d', '--name', 'web', '-p', '8080:80', '-p', '8080:80/udp', '-p', '0.0.0.0:8081:80', 'busybox', 'sh', '-c', serve);
  expect(JSON.parse(await subject.inspect('web', '{{json .NetworkSettings.Ports}}'))).toEqual({
    '80/tcp': [{ HostIp: '192.0.2.1', HostPort: '8080' }, { HostIp: '0.0.0.0', HostPort: '8081' }], '80/udp': [{ HostIp: '192.0.2.1', HostPort: '8080' }],
  });
  for (const protocol of ['tcp', 'udp'] as const) expect(await asked(outside, '192.0.2.1', 8080, protocol)).toBe('here');
  expect(await outside.ask('198.51.100.1', 8080)).toBeUndefined();
  expect(await asked(outside, '198.51.100.1', 8081)).toBe('here');
  expect(await asked(lab.host, '127.0.0.1', 8081)).toBe('here');
  expect(await subject.output('exec', 'web', 'sh', '-c', 'echo | nc -w 2 192.0.2.1 8080')).toBe('here');
  // The host lets in nothing that comes by the second cable: no rule about forwarding, but one about input.
  await lab.steps({ do: 'drop-input', from: 'lab2' });
  expect(await outside.ask('192.0.2.1', 8080)).toBe('here');
  for (const protocol of ['tcp', 'udp'] as const) expect(await other.ask('192.0.2.1', 8080, protocol)).toBeUndefined();
  await lab.steps({ do: 'remove', table: 'lab' });
  expect(await asked(other, '192.0.2.1', 8080)).toBe('here');
});

leavesNothingBehind(subject);
