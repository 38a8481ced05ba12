import { expect, test } from 'bun:test';
import { attributeText, decodeAttributes, decodeNetlink, encodeLate, encodeNetlink } from './message.ts';
import { addAddress, addRoute, broadcastOf, loopbackUp, newVeth, rtnetlink, setLink } from './route.ts';

test('a message sets loopback up', () => {
  const bytes = encodeNetlink([loopbackUp()]);
  const header = [32, 0, 0, 0, 16, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0];
  expect([...bytes]).toEqual([...header, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
});

test('attributes are padded and nest', () => {
  const message = { type: rtnetlink.RTM_NEWLINK, body: new Uint8Array(16) };
  const bytes = encodeNetlink([
    { ...message, attributes: [{ type: 3, value: 'eth0' }, { type: 18, value: [{ type: 1, value: 7 }] }] },
    message,
  ]);
  expect(bytes.length).toBe(32 + 12 + 12 + 32);
  expect([...bytes.subarray(32, 56)]).toEqual([9, 0, 3, 0, 101, 116, 104, 48, 0, 0, 0, 0, 12, 0, 18, 0x80, 8, 0, 1, 0, 7, 0, 0, 0]);
  expect(bytes[56 + 8]).toBe(2);
});

test('what is encoded is decoded again', () => {
  const message = newVeth({ name: 'host0', master: 7, up: true }, { name: 'eth0', namespacePid: 42, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) });
  const [received] = decodeNetlink(encodeNetlink([message], 9));
  expect(received).toMatchObject({ type: rtnetlink.RTM_NEWLINK, sequence: 9 });
  const attributes = decodeAttributes(received!.payload, 16);
  expect(attributeText(attributes.get(rtnetlink.IFLA_IFNAME))).toBe('host0');
  expect(attributes.get(rtnetlink.IFLA_MASTER)!.readUInt32LE()).toBe(7);
  const info = decodeAttributes(attributes.get(rtnetlink.IFLA_LINKINFO)!);
  const data = decodeAttributes(info.get(rtnetlink.IFLA_INFO_DATA)!);
  const peer = decodeAttributes(data.get(rtnetlink.VETH_INFO_PEER)!, 16);
  expect(attributeText(peer.get(rtnetlink.IFLA_IFNAME))).toBe('eth0');
  expect(peer.get(rtnetlink.IFLA_NET_NS_PID)!.readUInt32LE()).toBe(42);
});

test('what is cut short is left out, and never read beyond its end', () => {
  const whole = encodeNetlink([loopbackUp(), loopbackUp()]);
  for (let size = 0; size <= whole.length; size++) expect(decodeNetlink(whole.subarray(0, size)).length).toBe(Math.floor(size / 32));
  expect(decodeAttributes(Buffer.from([200, 0, 1, 0, 1])).size).toBe(0);
  expect(decodeAttributes(Buffer.from([0, 0, 1, 0, 1, 1, 1, 1])).size).toBe(0);
});

test('the broadcast address of a network', () => {
  expect([...broadcastOf({ address: Uint8Array.of(172, 17, 0, 2), length: 16 })]).toEqual([172, 17, 255, 255]);
  expect([...broadcastOf({ address: Uint8Array.of(10, 0, 0, 1), length: 32 })]).toEqual([10, 0, 0, 1]);
  expect([...broadcastOf({ address: Uint8Array.of(10, 0, 0, 1), length: 0 })]).toEqual([255, 255, 255, 255]);
});

test('what only the helper knows has its places', () => {
  const late = encodeLate([newVeth({ name: 'host0', up: true, master: 'br0' }, { name: 'eth0', namespacePid: 'child' }), setLink('up0', { up: true })]);
  const bytes = Buffer.from(late.messages);
  expect(late.links).toEqual(['br0', 'up0']);
  bytes.writeUInt32LE(4711, late.pidOffset);
  for (const [index, offset] of late.linkOffsets.entries()) bytes.writeUInt32LE(100 + index, offset);
  const [veth, set] = decodeNetlink(bytes);
  const attributes = decodeAttributes(veth!.payload, 16);
  expect(attributes.get(rtnetlink.IFLA_MASTER)!.readUInt32LE()).toBe(100);
  const data = decodeAttributes(decodeAttributes(attributes.get(rtnetlink.IFLA_LINKINFO)!).get(rtnetlink.IFLA_INFO_DATA)!);
  const peer = decodeAttributes(data.get(rtnetlink.VETH_INFO_PEER)!, 16);
  expect(peer.get(rtnetlink.IFLA_NET_NS_PID)!.readUInt32LE()).toBe(4711);
  expect(set!.payload.readInt32LE(4)).toBe(101);
});

test('addresses and routes name their interface', () => {
  const prefix = { address: Uint8Array.of(10, 0, 0, 2), length: 24 };
  const late = encodeLate([addAddress('eth0', prefix), addRoute({ family: 4, link: 'eth0', gateway: Uint8Array.of(10, 0, 0, 1) })]);
  expect(late.links).toEqual(['eth0', 'eth0']);
  expect(late.pidOffset).toBe(0);
  expect(() => encodeNetlink([addAddress('eth0', prefix)])).toThrow(RangeError);
});
