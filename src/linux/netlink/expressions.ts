/**
 * The expressions that nf_tables rules are made of. A register holds what one has loaded for the next to look at; concatenated
 * keys are loaded into registers of 4 bytes that follow each other.
 */
import type { NetlinkAttribute } from './message.ts';
import { be32, nftAttribute, type Element, type Rule } from './nftables.ts';

type Numbers = readonly (readonly [type: number, value: number | undefined])[];

const expression = (name: string, data: readonly NetlinkAttribute[]): NetlinkAttribute => ({
  type: nftAttribute.LIST_ELEM,
  value: [{ type: nftAttribute.EXPR_NAME, value: name }, { type: nftAttribute.EXPR_DATA, value: data }],
});
const numbers = (values: Numbers): NetlinkAttribute[] => values.flatMap(([type, value]) => (value === undefined ? [] : [{ type, value: be32(value) }]));
const dataValue = (bytes: Uint8Array): NetlinkAttribute[] => [{ type: nftAttribute.DATA_VALUE, value: bytes }];

/**
 * The number of one of the sixteen registers of 4 bytes, counted from 0. Where one of 16 bytes begins (NFT_REG_1 …) the kernel has
 * that number for it, and says so in a dump.
 */
const registerNumber = (index: number): number => (index % 4 === 0 ? 1 + index / 4 : 8 + index);
const firstRegister = registerNumber(0);
const verdictRegister = 0;

/** Something of a packet, loaded into registers from the one counted `index` on, and how many of them it fills. */
export interface Load {
  readonly registers: number;
  readonly into: (index: number) => NetlinkAttribute;
}

const metaKeys = { mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;
const nameRegisters = 4;

export const meta = (key: keyof typeof metaKeys): Load => ({
  registers: key.endsWith('name') ? nameRegisters : 1,
  into: (index) => expression('meta', numbers([[1, registerNumber(index)], [2, metaKeys[key]]])),
});

const payload = (base: number, offset: number, length: number): Load => ({
  registers: Math.ceil(length / 4),
  into: (index) => expression('payload', numbers([[1, registerNumber(index)], [2, base], [3, offset], [4, length]])),
});

const networkHeader = 1;
const transportHeader = 2;
export const sourceAddress = { 4: payload(networkHeader, 12, 4), 6: payload(networkHeader, 8, 16) } as const;
export const destinationAddress = { 4: payload(networkHeader, 16, 4), 6: payload(networkHeader, 24, 16) } as const;
/** The first byte of it: 127 is loopback's. */
export const destinationNetwork4 = payload(networkHeader, 16, 1);
export const sourceNetwork4 = payload(networkHeader, 12, 1);
/** Of TCP, UDP and SCTP alike. */
export const destinationPort = payload(transportHeader, 2, 2);

const ctKeys = { state: 0, status: 2 } as const;
export const ctState = { established: 2, related: 4 } as const;
/** IPS_DST_NAT: the connection's destination was changed. */
export const ctStatus = { dnat: 1 << 5 } as const;

const conntrack = (key: keyof typeof ctKeys): Load => ({
  registers: 1,
  into: (index) => expression('ct', numbers([[1, registerNumber(index)], [2, ctKeys[key]]])),
});

const compareOperators = { eq: 0, neq: 1 } as const;
const compare = (operator: keyof typeof compareOperators, value: Uint8Array): NetlinkAttribute =>
  expression('cmp', [...numbers([[1, firstRegister], [2, compareOperators[operator]]]), { type: 3, value: dataValue(value) }]);

/** Matches when what is loaded is `value`, or, with `neq`, is not. */
export const matches = (load: Load, value: Uint8Array, operator: 'eq' | 'neq' = 'eq'): Rule => [load.into(0), compare(operator, value)];

/** A number as the kernel itself has it. */
export const hostOrder32 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/** Matches when one of the bits is set in the connection's state or status. */
export const conntrackHas = (key: keyof typeof ctKeys, bits: number): Rule => [
  conntrack(key).into(0),
  expression('bitwise', [
    ...numbers([[1, firstRegister], [2, firstRegister], [3, 4]]),
    { type: 4, value: dataValue(hostOrder32(bits)) },
    { type: 5, value: dataValue(hostOrder32(0)) },
  ]),
  compare('neq', hostOrder32(0)),
];

/** Matches when the destination is an address of the host itself (RTN_LOCAL). */
export const toHostItself = (): Rule => {
  const resultType = 3;
  const destination = 2;
  const rtnLocal = 2;
  return [expression('fib', numbers([[1, firstRegister], [2, resultType], [3, destination]])), compare('eq', hostOrder32(rtnLocal))];
};

function loadKey(loads: readonly Load[]): NetlinkAttribute[] {
  let index = 0;
  return loads.map((load) => {
    const loaded = load.into(index);
    index += load.registers;
    return loaded;
  });
}

/** Matches when the key is in a set. */
export const isIn = (set: string, ...key: readonly Load[]): Rule => [
  ...loadKey(key),
  expression('lookup', [{ type: 1, value: set }, ...numbers([[2, firstRegister]])]),
];

/** When the key is in a map: its data, into the first registers. */
export const lookUp = (map: string, ...key: readonly Load[]): Rule => [
  ...loadKey(key),
  expression('lookup', [{ type: 1, value: map }, ...numbers([[2, firstRegister], [3, firstRegister]])]),
];

/** Sends the connection to the address and port in the first registers. */
export const dnat = (family: 4 | 6): Rule => {
  const natDestination = 1;
  const portRegister = registerNumber(family === 4 ? 1 : 4);
  return [expression('nat', numbers([[1, natDestination], [2, family === 4 ? 2 : 10], [3, firstRegister], [5, portRegister]]))];
};

/** Gives the connection the address of the interface that it leaves by. */
export const masquerade = (): Rule => [expression('masq', [])];

const verdictCodes = { drop: 0, accept: 1, jump: -3, return: -5 } as const;

function verdict(code: keyof typeof verdictCodes, chain?: string): Rule {
  const target = chain === undefined ? [] : [{ type: nftAttribute.VERDICT_CHAIN, value: chain }];
  const value = [...numbers([[nftAttribute.VERDICT_CODE, verdictCodes[code]]]), ...target];
  return [expression('immediate', [...numbers([[1, verdictRegister]]), { type: 2, value: [{ type: nftAttribute.DATA_VERDICT, value }] }])];
}

export const drop = (): Rule => verdict('drop');
export const accept = (): Rule => verdict('accept');
export const leave = (): Rule => verdict('return');
export const jump = (chain: string): Rule => verdict('jump', chain);

/** Elements of a set of ranges of one field, for the range from `first` to `last`. */
export function rangeElements(first: Uint8Array, last: Uint8Array): Element[] {
  const behind = Buffer.from(last);
  let at = behind.length - 1;
  while (at >= 0 && behind[at] === 0xff) behind[at--] = 0;
  if (at < 0) return [{ key: first }];
  behind[at] = (behind[at] as number) + 1;
  return [{ key: first }, { key: behind, endsRange: true }];
}

/** An interface's name as a key: 16 bytes. */
export function interfaceKey(name: string): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.write(name);
  return bytes;
}

/** A port as a key. */
export const portKey = (port: number): Uint8Array => Uint8Array.of(port >> 8, port & 0xff);
