/**
 * nf_tables by nfnetlink (linux/netfilter/nf_tables.h): tables, chains, sets, maps, elements and rules, as messages. Numbers in its
 * attributes are big-endian; names are texts. Changes go in a batch, which the kernel takes whole or not at all.
 */
import { messageFlag, type NetlinkAttribute, type NetlinkMessage } from './message.ts';

/** The messages, as `nlmsg_type` has them: the subsystem in the upper byte. */
export const nftMessage = {
  NEWTABLE: 0xa00, GETTABLE: 0xa01, DELTABLE: 0xa02, NEWCHAIN: 0xa03, GETCHAIN: 0xa04, NEWRULE: 0xa06, GETRULE: 0xa07, DELRULE: 0xa08,
  NEWSET: 0xa09, GETSET: 0xa0a, NEWSETELEM: 0xa0c, GETSETELEM: 0xa0d, DELSETELEM: 0xa0e, GETGEN: 0xa10,
} as const;

/** Attributes, named as the kernel names them but for NFTA_. */
export const nftAttribute = {
  LIST_ELEM: 1,
  TABLE_NAME: 1, TABLE_USERDATA: 6,
  CHAIN_TABLE: 1, CHAIN_NAME: 3, CHAIN_HOOK: 4, CHAIN_POLICY: 5, CHAIN_TYPE: 7, HOOK_HOOKNUM: 1, HOOK_PRIORITY: 2,
  RULE_TABLE: 1, RULE_CHAIN: 2, RULE_EXPRESSIONS: 4,
  SET_TABLE: 1, SET_NAME: 2, SET_FLAGS: 3, SET_KEY_TYPE: 4, SET_KEY_LEN: 5, SET_DATA_TYPE: 6, SET_DATA_LEN: 7, SET_DESC: 9, SET_ID: 10, SET_USERDATA: 13,
  SET_DESC_CONCAT: 2, SET_FIELD_LEN: 1,
  SET_ELEM_LIST_TABLE: 1, SET_ELEM_LIST_SET: 2, SET_ELEM_LIST_ELEMENTS: 3,
  SET_ELEM_KEY: 1, SET_ELEM_DATA: 2, SET_ELEM_FLAGS: 3, SET_ELEM_KEY_END: 10,
  DATA_VALUE: 1, DATA_VERDICT: 2, VERDICT_CODE: 1, VERDICT_CHAIN: 2,
  EXPR_NAME: 1, EXPR_DATA: 2,
  GEN_ID: 1,
} as const;

const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFNL_SUBSYS_NFTABLES = 10;
const NFPROTO_UNSPEC = 0;
/** Tables whose chains see IPv4 and IPv6. */
const NFPROTO_INET = 1;

/** struct nfgenmsg, which every message begins with. */
export const nfgenmsgSize = 4;
const nfgenmsg = (family: number, resource = 0): Uint8Array => Uint8Array.of(family, 0, resource >> 8, resource & 0xff);

/** A number as nf_tables wants it. */
export function be32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** Frames messages as one transaction. */
export function nftBatch(messages: readonly NetlinkMessage[]): NetlinkMessage[] {
  const frame = (type: number) => ({ type, unanswered: true, body: nfgenmsg(NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES) });
  return [frame(NFNL_MSG_BATCH_BEGIN), ...messages, frame(NFNL_MSG_BATCH_END)];
}

function nftRequest(type: number, attributes: readonly NetlinkAttribute[], flags = 0): NetlinkMessage {
  return { type, flags, body: nfgenmsg(NFPROTO_INET), attributes };
}

const { NLM_F_CREATE, NLM_F_EXCL, NLM_F_APPEND } = messageFlag;
const a = nftAttribute;

/** A table that is there already stays as it is. `userdata`: at most 256 bytes that the kernel keeps for its owner. */
export const newTable = (name: string, userdata: Uint8Array): NetlinkMessage =>
  nftRequest(nftMessage.NEWTABLE, [{ type: a.TABLE_NAME, value: name }, { type: a.TABLE_USERDATA, value: userdata }], NLM_F_CREATE);

/** With all that is in it. ENOENT when there is none. */
export const deleteTable = (name: string): NetlinkMessage => nftRequest(nftMessage.DELTABLE, [{ type: a.TABLE_NAME, value: name }]);

/** Where a base chain sits: hook numbers of linux/netfilter.h; priorities as nft(8) lists them. */
export const hook = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

/** A base chain has a hook; one without is only jumped to. Packets that reach the end of a base chain are accepted. */
export interface Chain {
  readonly name: string;
  readonly base?: { readonly type: 'filter' | 'nat'; readonly hook: keyof typeof hook; readonly priority: number };
  readonly rules: readonly Rule[];
}

/** Expressions (expressions.ts), executed one after the other until one does not match. */
export type Rule = readonly NetlinkAttribute[];

const accept = 1;

export function newChain(table: string, { name, base }: Chain): NetlinkMessage {
  const place = base === undefined ? [] : [
    { type: a.CHAIN_HOOK, value: [{ type: a.HOOK_HOOKNUM, value: be32(hook[base.hook]) }, { type: a.HOOK_PRIORITY, value: be32(base.priority) }] },
    { type: a.CHAIN_POLICY, value: be32(accept) },
    { type: a.CHAIN_TYPE, value: base.type },
  ];
  return nftRequest(nftMessage.NEWCHAIN, [{ type: a.CHAIN_TABLE, value: table }, { type: a.CHAIN_NAME, value: name }, ...place], NLM_F_CREATE | NLM_F_EXCL);
}

/** Appends a rule to a chain. */
export const newRule = (table: string, chain: string, rule: Rule): NetlinkMessage =>
  nftRequest(
    nftMessage.NEWRULE,
    [{ type: a.RULE_TABLE, value: table }, { type: a.RULE_CHAIN, value: chain }, { type: a.RULE_EXPRESSIONS, value: rule }],
    NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND,
  );

/** All rules of a chain. */
export const flushChain = (table: string, chain: string): NetlinkMessage =>
  nftRequest(nftMessage.DELRULE, [{ type: a.RULE_TABLE, value: table }, { type: a.RULE_CHAIN, value: chain }]);

const setFlag = { NFT_SET_INTERVAL: 0x4, NFT_SET_MAP: 0x8, NFT_SET_CONCAT: 0x80 } as const;

/** Types of a key's fields: their bytes, and the number by which nft(8) knows how to show them; the kernel does not look at it. */
const fieldTypes = {
  nfproto: { size: 1, shown: 2 }, ipv4: { size: 4, shown: 7 }, ipv6: { size: 16, shown: 8 }, protocol: { size: 1, shown: 12 },
  port: { size: 2, shown: 13 }, interface: { size: 16, shown: 41 },
} as const;
export type FieldType = keyof typeof fieldTypes;

/** A set of keys, or, with `data`, a map. Several fields are one concatenated key. With `ranges` an element covers keys from one to another. */
export interface SetDefinition {
  readonly name: string;
  readonly key: readonly FieldType[];
  readonly data?: readonly FieldType[];
  readonly ranges?: boolean;
}

const padded = (size: number) => (size + 3) & ~3;
const fieldSizes = (fields: readonly FieldType[]) => fields.map((field) => fieldTypes[field].size);
/** Fields of a concatenation fill whole registers of 4 bytes; a single one has its own size. */
const sizeOf = (fields: readonly FieldType[]) =>
  fields.length === 1 ? fieldSizes(fields)[0] as number : fieldSizes(fields).reduce((sum, size) => sum + padded(size), 0);
const shownBits = 6;
const shownAs = (fields: readonly FieldType[]) => fields.reduce((number, field) => (number << shownBits) | fieldTypes[field].shown, 0);

/** What nft(8) wants to know to show names of interfaces: NFTNL_UDATA_SET_KEYBYTEORDER, four bytes, BYTEORDER_HOST_ENDIAN. */
const shownInHostOrder = Uint8Array.of(0, 4, 1, 0, 0, 0);

/** `id`: a number for the set within its batch. */
export function newSet(table: string, { name, key, data, ranges = false }: SetDefinition, id: number): NetlinkMessage {
  const isConcatenated = key.length > 1;
  const flags = (ranges ? setFlag.NFT_SET_INTERVAL : 0) | (data === undefined ? 0 : setFlag.NFT_SET_MAP) | (isConcatenated ? setFlag.NFT_SET_CONCAT : 0);
  const fields = fieldSizes(key).map((size) => ({ type: a.LIST_ELEM, value: [{ type: a.SET_FIELD_LEN, value: be32(size) }] }));
  return nftRequest(nftMessage.NEWSET, [
    { type: a.SET_TABLE, value: table },
    { type: a.SET_NAME, value: name },
    ...(flags === 0 ? [] : [{ type: a.SET_FLAGS, value: be32(flags) }]),
    { type: a.SET_KEY_TYPE, value: be32(shownAs(key)) },
    { type: a.SET_KEY_LEN, value: be32(sizeOf(key)) },
    ...(data === undefined ? [] : [{ type: a.SET_DATA_TYPE, value: be32(shownAs(data)) }, { type: a.SET_DATA_LEN, value: be32(sizeOf(data)) }]),
    ...(isConcatenated ? [{ type: a.SET_DESC, value: [{ type: a.SET_DESC_CONCAT, value: fields }] }] : []),
    { type: a.SET_ID, value: be32(id) },
    ...(key.length === 1 && key[0] === 'interface' ? [{ type: a.SET_USERDATA, value: shownInHostOrder }] : []),
  ], NLM_F_CREATE | NLM_F_EXCL);
}

/** The bytes of a key or of data: each field padded to whole registers where there are several. */
export function concatenated(fields: readonly Uint8Array[]): Uint8Array {
  if (fields.length === 1) return fields[0] as Uint8Array;
  const result = Buffer.alloc(fields.reduce((sum, field) => sum + padded(field.length), 0));
  let at = 0;
  for (const field of fields) {
    result.set(field, at);
    at += padded(field.length);
  }
  return result;
}

/** One entry of a set or map. */
export interface Element {
  readonly key: Uint8Array;
  /** Last key of a range, in a set of concatenated ranges. */
  readonly keyEnd?: Uint8Array;
  /** In a set of ranges of one field: this key is the first behind a range. */
  readonly endsRange?: boolean;
  readonly data?: Uint8Array;
}

const NFT_SET_ELEM_INTERVAL_END = 1;

function elementAttribute({ key, keyEnd, endsRange = false, data }: Element): NetlinkAttribute {
  const value = (type: number, bytes: Uint8Array | undefined) =>
    bytes === undefined ? [] : [{ type, value: [{ type: a.DATA_VALUE, value: bytes }] }];
  return {
    type: a.LIST_ELEM,
    value: [
      ...value(a.SET_ELEM_KEY, key),
      ...value(a.SET_ELEM_KEY_END, keyEnd),
      ...value(a.SET_ELEM_DATA, data),
      ...(endsRange ? [{ type: a.SET_ELEM_FLAGS, value: be32(NFT_SET_ELEM_INTERVAL_END) }] : []),
    ],
  };
}

/** The length of an attribute is a 16-bit number, and an element takes at most 100 bytes. */
const elementsPerMessage = 500;

function elementMessages(type: number, flags: number, table: string, set: string, elements: readonly Element[]): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < elements.length; at += elementsPerMessage) {
    messages.push(nftRequest(type, [
      { type: a.SET_ELEM_LIST_TABLE, value: table },
      { type: a.SET_ELEM_LIST_SET, value: set },
      { type: a.SET_ELEM_LIST_ELEMENTS, value: elements.slice(at, at + elementsPerMessage).map(elementAttribute) },
    ], flags));
  }
  return messages;
}

/** An element that is there with the same data is right; EEXIST for one with other data. */
export const addElements = (table: string, set: string, elements: readonly Element[]): NetlinkMessage[] =>
  elementMessages(nftMessage.NEWSETELEM, NLM_F_CREATE, table, set, elements);

/** ENOENT when one of them is not there. */
export const deleteElements = (table: string, set: string, elements: readonly Element[]): NetlinkMessage[] =>
  elementMessages(nftMessage.DELSETELEM, 0, table, set, elements);

/** Requests: one table, and what to dump of it. */
export const getTable = (name: string): NetlinkMessage => nftRequest(nftMessage.GETTABLE, [{ type: a.TABLE_NAME, value: name }]);
export const getChains = (): NetlinkMessage => nftRequest(nftMessage.GETCHAIN, []);
/** Of every table of every family. */
export const getEveryChain = (): NetlinkMessage => ({ type: nftMessage.GETCHAIN, body: nfgenmsg(NFPROTO_UNSPEC) });
export const getSets = (table: string): NetlinkMessage => nftRequest(nftMessage.GETSET, [{ type: a.SET_TABLE, value: table }]);
export const getRules = (table: string): NetlinkMessage => nftRequest(nftMessage.GETRULE, [{ type: a.RULE_TABLE, value: table }]);
export const getElements = (table: string, set: string): NetlinkMessage =>
  nftRequest(nftMessage.GETSETELEM, [{ type: a.SET_ELEM_LIST_TABLE, value: table }, { type: a.SET_ELEM_LIST_SET, value: set }]);
/** The number of the ruleset's generation: every transaction of anybody raises it. */
export const getGeneration = (): NetlinkMessage => ({ type: nftMessage.GETGEN, body: nfgenmsg(NFPROTO_UNSPEC) });
