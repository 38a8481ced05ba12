/** What the kernel says about nf_tables: attributes in their order, elements, and whether something is what was asked for. */
import { decodeAttributes, attributeText, type NetlinkAttribute, type NetlinkMessage, type ReceivedMessage } from './message.ts';
import { be32, nfgenmsgSize, nftAttribute, type Element } from './nftables.ts';

const a = nftAttribute;
const attributeHeaderSize = 4;
const typeMask = 0x3fff;

/** Attributes in their order, where several may have one type: the members of a list. */
export function attributeList(data: Buffer): { readonly type: number; readonly value: Buffer }[] {
  const list: { type: number; value: Buffer }[] = [];
  for (let at = 0; at + attributeHeaderSize <= data.length;) {
    const size = data.readUInt16LE(at);
    if (size < attributeHeaderSize || at + size > data.length) break;
    list.push({ type: data.readUInt16LE(at + 2) & typeMask, value: data.subarray(at + attributeHeaderSize, at + size) });
    at += (size + 3) & ~3;
  }
  return list;
}

/** The attributes of a message. */
export const receivedAttributes = ({ payload }: ReceivedMessage): Map<number, Buffer> => decodeAttributes(payload, nfgenmsgSize);

/** A name in a message, by the attribute that holds it. */
export const receivedName = (message: ReceivedMessage, type: number): string => attributeText(receivedAttributes(message).get(type));

/** True when all that was asked for is in what the kernel says, which may say more: counters, handles, defaults. */
export const fulfils = (received: ReceivedMessage, asked: NetlinkMessage, ignored: readonly number[] = []): boolean =>
  contains(received.payload.subarray(nfgenmsgSize), (asked.attributes ?? []).filter(({ type }) => !ignored.includes(type)));

function contains(data: Buffer, wanted: readonly NetlinkAttribute[]): boolean {
  const found = attributeList(data);
  let from = 0;
  const isList = wanted.length > 0 && found.length > 0 && wanted.every(({ type }) => type === a.LIST_ELEM) && found.every(({ type }) => type === a.LIST_ELEM);
  if (isList && found.length !== wanted.length) return false;
  return wanted.every(({ type, value }) => {
    // Members of a list are in the order in which they were given; other attributes in any.
    const at = found.findIndex((each, index) => each.type === type && (!isList || index >= from));
    from = at + 1;
    const each = found[at];
    return each !== undefined && isValue(each.value, value);
  });
}

function isValue(data: Buffer, value: NetlinkAttribute['value']): boolean {
  if (typeof value === 'number') return data.length === 4 && data.readUInt32LE() === value >>> 0;
  if (typeof value === 'string') return attributeText(data) === value;
  if (value instanceof Uint8Array) return data.equals(value);
  // nf_tables has neither structures before attributes nor what only the helper knows.
  return Array.isArray(value) && contains(data, value);
}

/** The elements in one message of a dump. */
export function receivedElements(message: ReceivedMessage): Element[] {
  const list = receivedAttributes(message).get(a.SET_ELEM_LIST_ELEMENTS);
  return list === undefined ? [] : attributeList(list).map(({ value }) => receivedElement(value));
}

function receivedElement(data: Buffer): Element {
  const attributes = decodeAttributes(data);
  const bytes = (type: number) => {
    const nested = attributes.get(type);
    return nested === undefined ? undefined : decodeAttributes(nested).get(a.DATA_VALUE);
  };
  const [keyEnd, value] = [bytes(a.SET_ELEM_KEY_END), bytes(a.SET_ELEM_DATA)];
  const flags = attributes.get(a.SET_ELEM_FLAGS)?.readUInt32BE() ?? 0;
  return {
    key: bytes(a.SET_ELEM_KEY) ?? Buffer.alloc(0),
    ...(keyEnd === undefined ? {} : { keyEnd }),
    ...((flags & 1) === 0 ? {} : { endsRange: true }),
    ...(value === undefined ? {} : { data: value }),
  };
}

/** One text for an element, so that sets of them can be compared. */
export function elementText({ key, keyEnd, endsRange = false, data }: Element): string {
  const hex = (bytes: Uint8Array | undefined) => (bytes === undefined ? '' : Buffer.from(bytes).toString('hex'));
  return `${hex(key)}-${hex(keyEnd)}${endsRange ? '!' : ''}=${hex(data)}`;
}

/** The ruleset's generation. */
export function receivedGeneration(message: ReceivedMessage): number {
  return (receivedAttributes(message).get(a.GEN_ID) ?? be32(0) as Buffer).readUInt32BE();
}
