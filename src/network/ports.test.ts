import { expect, test } from 'bun:test';
import { bindOperations, PortAllocator, filtered, type PortHost, type PortRequest, type PortTarget } from './ports.ts';

const owner: PortTarget = {
  containerName: 'web', endpointId: 'e1d', ipv4: '172.17.0.2', ipv6: undefined, families: { ipv4: true, ipv6: true }, defaultHostIp: '0.0.0.0',
  routed: { ipv4: false, ipv6: false }, hasTrusted: false,
};
const inUse = 98;

const allocator = (more: Partial<PortHost> = {}) =>
  new PortAllocator({ tryBind: () => undefined, ipv6: true, relayAll: false, localPorts: { first: 32768, last: 32770 }, ...more });
const request = (host: Partial<PortRequest> & { readonly port?: number } = {}): PortRequest => {
  const { port, ...more } = host;
  return { protocol: 'tcp', containerPort: 80, hostIp: '', hostPorts: port === undefined ? undefined : { first: port, last: port }, ...more };
};
const portsOf = (bindings: readonly { readonly hostIp: string; readonly hostPort: number }[]) => bindings.map(({ hostIp, hostPort }) => `${hostIp} ${hostPort}`);
const endpoint = 'driver failed programming external connectivity on endpoint web (e1d): ';

test('without an address a port is had on all of them, of both families', () => {
  expect(portsOf(allocator().reserve([request({ port: 8080 })], owner))).toEqual(['0.0.0.0 8080', ':: 8080']);
  expect(portsOf(allocator({ ipv6: false }).reserve([request({ port: 8080 })], owner))).toEqual(['0.0.0.0 8080']);
  expect(portsOf(allocator().reserve([request({ port: 8080, hostIp: '127.0.0.1' })], owner))).toEqual(['127.0.0.1 8080']);
});

test('any port comes from the local range, and one that was given back comes last', () => {
  const ports = allocator();
  const first = ports.reserve([request()], owner);
  expect(portsOf(first)).toEqual(['0.0.0.0 32768', ':: 32768']);
  ports.release(first);
  const three = [81, 82, 83].map((containerPort) => request({ containerPort }));
  expect(portsOf(ports.reserve(three, owner)).filter((each) => !each.startsWith('::'))).toEqual(['0.0.0.0 32769', '0.0.0.0 32770', '0.0.0.0 32768']);
  expect(() => ports.reserve([request()], owner)).toThrow(`${endpoint}all ports are allocated`);
});

test('a range gives the next that is free', () => {
  const ports = allocator({ tryBind: (_protocol, _address, port) => (port === 8000 ? inUse : undefined) });
  const range = (containerPort = 80) => request({ hostPorts: { first: 8000, last: 8002 }, containerPort });
  expect(portsOf(ports.reserve([range(), range(81)], owner)).filter((each) => !each.startsWith('::'))).toEqual(['0.0.0.0 8001', '0.0.0.0 8002']);
  expect(() => ports.reserve([range()], owner)).toThrow(
    `${endpoint}failed to bind host port 8000 for 0.0.0.0:8000-8002:172.17.0.2:80/tcp: address already in use`,
  );
  const free = allocator();
  const first = free.reserve([range()], owner);
  free.release(first);
  expect(portsOf(free.reserve([range()], owner))).toEqual(['0.0.0.0 8001', ':: 8001']);
  free.reserve([range(81), range(82)], owner);
  expect(() => free.reserve([range()], owner)).toThrow(`${endpoint}all ports are allocated`);
  expect(() => free.reserve([request({ hostPorts: { first: 0, last: 3 } })], owner)).toThrow(`${endpoint}invalid port range: 0-3`);
});

test('single ports come before ranges, and requests that differ in the address alone get one port', () => {
  const range = { first: 8000, last: 8001 };
  expect(portsOf(allocator().reserve([request({ hostPorts: range }), request({ port: 8000 })], owner))).toEqual([
    '0.0.0.0 8000', ':: 8000', '0.0.0.0 8001', ':: 8001',
  ]);
  const ports = allocator();
  ports.reserve([request({ port: 8000, hostIp: '127.0.0.2' })], owner);
  const both = ['127.0.0.2', '127.0.0.1'].map((hostIp) => request({ hostPorts: range, hostIp }));
  expect(portsOf(ports.reserve(both, owner))).toEqual(['127.0.0.1 8001', '127.0.0.2 8001']);
  expect(() => ports.reserve([request({ port: 90 }), request({ port: 90 })], owner)).toThrow(`${endpoint}failed to listen on TCP socket: address already in use`);
});

test('an endpoint answers for the families that it has the way out of, on its network\'s address', () => {
  const ask = (more: Partial<PortTarget>, hostIp = '') => portsOf(allocator().reserve([request({ port: 80, hostIp })], { ...owner, ...more }));
  expect(ask({ families: { ipv4: true, ipv6: false } })).toEqual(['0.0.0.0 80']);
  expect(ask({ families: { ipv4: false, ipv6: true }, ipv6: 'fd00::2' })).toEqual([':: 80']);
  expect(ask({ ipv4: undefined, ipv6: 'fd00::2' })).toEqual([':: 80']);
  expect(ask({ ipv4: undefined, ipv6: 'fd00::2' }, '127.0.0.1')).toEqual([]);
  expect(ask({ defaultHostIp: '127.0.0.1' })).toEqual(['127.0.0.1 80']);
  expect(ask({ defaultHostIp: '::1' })).toEqual(['::1 80']);
  expect(ask({ defaultHostIp: '127.0.0.1' }, '0.0.0.0')).toEqual(['0.0.0.0 80']);
});

test('a port that a container has is not had by another, on the same address or on all', () => {
  const ports = allocator();
  ports.reserve([request({ port: 8080 })], owner);
  for (const hostIp of ['', '0.0.0.0', '127.0.0.1']) {
    expect(() => ports.reserve([request({ port: 8080, hostIp })], owner)).toThrow(
      `${endpoint}Bind for 0.0.0.0:8080 failed: port is already allocated`,
    );
  }
  expect(() => ports.reserve([request({ port: 8080, hostIp: '::1' })], owner)).toThrow('Bind for :::8080 failed');
  expect(ports.reserve([request({ port: 8080, protocol: 'udp' })], owner)).toHaveLength(2);
  ports.reserve([request({ port: 81, hostIp: '127.0.0.1' })], owner);
  expect(() => ports.reserve([request({ port: 81 })], owner)).toThrow('Bind for 127.0.0.1:81 failed');
  expect(ports.reserve([request({ port: 81, hostIp: '127.0.0.2' })], owner)).toHaveLength(1);
});

test("a port that a process of the host has is refused in Docker's words", () => {
  const ports = allocator({ tryBind: () => inUse });
  expect(() => ports.reserve([request({ port: 8080 })], owner)).toThrow(
    `${endpoint}failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use`,
  );
});

test('when one cannot be had, none is', () => {
  const ports = allocator();
  ports.reserve([request({ port: 81 })], owner);
  expect(() => ports.reserve([request({ port: 80 }), request({ port: 81 })], owner)).toThrow('81 failed');
  expect(ports.reserve([request({ port: 80 })], owner)).toHaveLength(2);
});

test('what was adopted is taken', () => {
  const [before, after] = [allocator(), allocator()];
  after.adopt(before.reserve([request({ port: 80 })], owner));
  expect(() => after.reserve([request({ port: 80 })], owner)).toThrow('already allocated');
});

test('a plan binds each; the packet filter leads each to the address of its family', () => {
  const bindings = allocator().reserve([request({ port: 8080 }), request({ port: 8081, hostIp: '127.0.0.1', protocol: 'udp' })], owner);
  expect(bindOperations(bindings)).toMatchObject([
    { protocol: 6, port: 8080, address: Uint8Array.of(0, 0, 0, 0) }, { protocol: 6, port: 8080 }, { protocol: 17, port: 8081, address: Uint8Array.of(127, 0, 0, 1) },
  ]);
  const address = Uint8Array.of(172, 17, 0, 2);
  expect(filtered(bindings)).toEqual([
    { protocol: 'tcp', hostPort: 8080, address, port: 80 },
    { protocol: 'udp', hostPort: 8081, address, port: 80, hostAddress: Uint8Array.of(127, 0, 0, 1) },
  ]);
  expect(bindings.filter(({ relayed }) => relayed)).toMatchObject([{ hostIp: '::', address: '172.17.0.2' }]);
  const [four, six] = allocator().reserve([request({ port: 80 })], { ...owner, ipv6: 'fd00::2' });
  expect([four, six].map((each) => each?.address)).toEqual(['172.17.0.2', 'fd00::2']);
});
