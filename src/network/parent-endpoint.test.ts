import { describe, expect, test } from 'bun:test';
import { decodeAttributes, decodeNetlink } from '../linux/netlink/message.ts';
import { rtnetlink } from '../linux/netlink/route.ts';
import type { Operation } from '../runtime/plan/operations.ts';
import type { NetworkRecord, NetworkRegistry } from './network.ts';
import { ParentEndpoints } from './parent-endpoint.ts';
import { checkModes, needsNoGateway, type ParentDriver } from './parent-options.ts';

const network = (driver: ParentDriver, options: Record<string, string>, internal = false) =>
  ({ id: 'f'.repeat(64), name: 'net', driver, internal, options: { parent: 'out0', ...options } }) as unknown as NetworkRecord;
const registry = (isThere = true) => ({ parentOf: () => ({ name: 'out0', isThere }) }) as unknown as NetworkRegistry;
const endpoint = {
  id: 'e'.repeat(64), networkId: 'f'.repeat(64), containerId: 'c'.repeat(64), mac: '02:42:0a:5a:00:02', hostInterface: '', interfaceName: 'eth0',
  ipv4: { address: '10.90.0.2', prefixLength: 24, gateway: '' }, ipv6: null,
};
const place = { isDefault: { ipv4: false, ipv6: false }, publishes: false, rate: 0, linkLocal: [], sysctls: [], ipv6: true, namespacePid: 'child' } as const;

const messages = (operations: readonly Operation[]) => operations.flatMap((operation) => (operation.name === 'netlink' ? decodeNetlink(operation.messages) : []));

/** The attributes of the kind of interface that is made. */
function made(driver: ParentDriver, options: Record<string, string>) {
  const { host } = new ParentEndpoints(driver, registry()).operations(endpoint, network(driver, options), place);
  const [message] = messages(host);
  const attributes = decodeAttributes(message!.payload, 16);
  const information = decodeAttributes(attributes.get(rtnetlink.IFLA_LINKINFO)!);
  return { host, attributes, kind: information.get(rtnetlink.IFLA_INFO_KIND)!.toString(), data: decodeAttributes(information.get(rtnetlink.IFLA_INFO_DATA)!) };
}

describe('macvlan', () => {
  test.each([['', 4], ['bridge', 4], ['private', 1], ['vepa', 2], ['passthru', 8]] as const)('mode %p', (mode, number) => {
    const { host, attributes, kind, data } = made('macvlan', mode === '' ? {} : { macvlan_mode: mode });
    expect(kind).toBe('macvlan\0');
    expect(data.get(rtnetlink.IFLA_MACVLAN_MODE)!.readUInt32LE()).toBe(number);
    expect([...attributes.get(rtnetlink.IFLA_ADDRESS)!]).toEqual([2, 0x42, 10, 0x5a, 0, 2]);
    expect(host).toMatchObject([{ links: ['out0'] }]);
  });
});

describe('ipvlan', () => {
  test.each([['', '', 0, 0], ['l3', 'private', 1, 1], ['l3s', 'vepa', 2, 2]] as const)('mode %p, flag %p', (mode, flag, modeNumber, flagNumber) => {
    const { attributes, kind, data } = made('ipvlan', { ipvlan_mode: mode, ipvlan_flag: flag });
    expect(kind).toBe('ipvlan\0');
    expect(data.get(rtnetlink.IFLA_IPVLAN_MODE)!.readUInt16LE()).toBe(modeNumber);
    expect(data.get(rtnetlink.IFLA_IPVLAN_FLAGS)!.readUInt16LE()).toBe(flagNumber);
    expect(attributes.has(rtnetlink.IFLA_ADDRESS)).toBe(false);
  });

  test('has its parent\'s hardware address', () => {
    const driver = new ParentEndpoints('ipvlan', registry());
    expect(driver.prepare(network('ipvlan', {}), { asked: undefined, chosen: endpoint.mac })).toEqual({ mac: '', hostInterface: '' });
    expect(() => driver.prepare(network('ipvlan', {}), { asked: endpoint.mac, chosen: '' })).toThrow('ipvlan interfaces do not support custom mac address assignment');
  });

  test.each([['l2', false, 0], ['l3', false, 1], ['l3s', false, 1], ['l3', true, 0]] as const)('%s, internal: %p', (mode, internal, routes) => {
    const { init } = new ParentEndpoints('ipvlan', registry()).operations(endpoint, network('ipvlan', { ipvlan_mode: mode }, internal), place);
    expect(messages(init).filter(({ type }) => type === rtnetlink.RTM_NEWROUTE).length).toBe(routes);
  });
});

test('a parent that is not there is missed', () => {
  const driver = new ParentEndpoints('macvlan', registry(false));
  expect(() => driver.prepare(network('macvlan', {}), { asked: undefined, chosen: '' })).toThrow('the requested parent interface out0 was not found on the Docker host');
});

test('modes and flags are those of the kernel', () => {
  checkModes('ipvlan', { ipvlan_mode: 'l3s', ipvlan_flag: 'vepa' });
  expect(() => checkModes('ipvlan', { ipvlan_mode: 'bridge' })).toThrow("requested ipvlan mode 'bridge' is not valid, 'l2' mode is the ipvlan driver default");
  expect(() => checkModes('ipvlan', { ipvlan_flag: 'constructor' })).toThrow("requested ipvlan flag 'constructor' is not valid, 'bridge' is the ipvlan driver default");
  expect(() => checkModes('macvlan', { macvlan_mode: 'toString' })).toThrow("requested macvlan mode 'toString' is not valid, 'bridge' mode is the macvlan driver default");
});

test('a gateway is for networks that lead somewhere', () => {
  expect(needsNoGateway('macvlan', { parent: 'out0' }, false)).toBe(false);
  expect(needsNoGateway('macvlan', {}, false)).toBe(true);
  expect(needsNoGateway('macvlan', { parent: 'out0' }, true)).toBe(true);
  expect(needsNoGateway('ipvlan', { parent: 'out0', ipvlan_mode: 'l3' }, false)).toBe(true);
});
