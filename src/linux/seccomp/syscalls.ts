/**
 * System calls by name for each ABI that a process can use here. A table is the names in the order of their numbers,
 * with `@N` where the count goes on at N.
 */
import { syscallsArm } from './syscalls-arm.ts';
import { syscallsArm64 } from './syscalls-arm64.ts';
import { syscallsI386 } from './syscalls-i386.ts';
import { syscallsX32 } from './syscalls-x32.ts';
import { syscallsX86_64 } from './syscalls-x86_64.ts';

/** One ABI: how a filter recognises it, and its calls. */
export interface Abi {
  /** libseccomp's and OCI's name. */
  readonly name: 'SCMP_ARCH_X86_64' | 'SCMP_ARCH_X86' | 'SCMP_ARCH_X32' | 'SCMP_ARCH_AARCH64' | 'SCMP_ARCH_ARM';
  /** AUDIT_ARCH_* (linux/audit.h), the `arch` word of struct seccomp_data. x86_64 and x32 have the same. */
  readonly auditArch: number;
  /** Added to every number: x32 sets bit 30. */
  readonly base: number;
  /**
   * First of the numbers that an architecture keeps for itself above the common ones (arm); they do not count as
   * newest.
   */
  readonly privateFrom: number;
  /** Calls that carry others: on 32-bit x86 `socketcall` and `ipc`, with the inner call's number as first argument. */
  readonly multiplexed: Readonly<Record<string, readonly [carrier: string, inner: number]>>;
}

/** Bit 30 marks a call of the x32 ABI (__X32_SYSCALL_BIT). */
export const x32Bit = 0x4000_0000;

const none = Number.POSITIVE_INFINITY;
const socketcalls = [
  'socket', 'bind', 'connect', 'listen', 'accept', 'getsockname', 'getpeername', 'socketpair', 'send', 'recv', 'sendto', 'recvfrom',
  'shutdown', 'setsockopt', 'getsockopt', 'sendmsg', 'recvmsg', 'accept4', 'recvmmsg', 'sendmmsg',
];
const ipcCalls = {
  semop: 1, semget: 2, semctl: 3, semtimedop: 4, msgsnd: 11, msgrcv: 12, msgget: 13, msgctl: 14, shmat: 21, shmdt: 22, shmget: 23,
  shmctl: 24,
};
const multiplexedOfI386: Abi['multiplexed'] = Object.fromEntries([
  ...socketcalls.map((name, index) => [name, ['socketcall', index + 1]] as const),
  ...Object.entries(ipcCalls).map(([name, inner]) => [name, ['ipc', inner]] as const),
]);

const abis: Readonly<Record<Abi['name'], Abi>> = {
  SCMP_ARCH_X86_64: { name: 'SCMP_ARCH_X86_64', auditArch: 0xc000003e, base: 0, privateFrom: none, multiplexed: {} },
  SCMP_ARCH_X32: { name: 'SCMP_ARCH_X32', auditArch: 0xc000003e, base: x32Bit, privateFrom: none, multiplexed: {} },
  SCMP_ARCH_X86: { name: 'SCMP_ARCH_X86', auditArch: 0x40000003, base: 0, privateFrom: none, multiplexed: multiplexedOfI386 },
  SCMP_ARCH_AARCH64: { name: 'SCMP_ARCH_AARCH64', auditArch: 0xc00000b7, base: 0, privateFrom: none, multiplexed: {} },
  SCMP_ARCH_ARM: { name: 'SCMP_ARCH_ARM', auditArch: 0x40000028, base: 0, privateFrom: 0xf0000, multiplexed: {} },
};

const texts: Readonly<Record<Abi['name'], string>> = {
  SCMP_ARCH_X86_64: syscallsX86_64,
  SCMP_ARCH_X32: syscallsX32,
  SCMP_ARCH_X86: syscallsI386,
  SCMP_ARCH_AARCH64: syscallsArm64,
  SCMP_ARCH_ARM: syscallsArm,
};

/** Architectures that OCI names and no process of this program's hosts can have. */
const foreign = new Set([
  'MIPS', 'MIPS64', 'MIPS64N32', 'MIPSEL', 'MIPSEL64', 'MIPSEL64N32', 'PPC', 'PPC64', 'PPC64LE', 'S390', 'S390X', 'PARISC',
  'PARISC64', 'RISCV64', 'LOONGARCH64', 'M68K', 'SH', 'SHEB',
].map((name) => `SCMP_ARCH_${name}`));

/**
 * The ABI of an OCI architecture name; `foreign` when it exists but not on these machines; undefined when it is no
 * name.
 */
export function abiOf(architecture: string): Abi | 'foreign' | undefined {
  if (Object.hasOwn(abis, architecture)) return abis[architecture as Abi['name']];
  return foreign.has(architecture) ? 'foreign' : undefined;
}

/** The host's own ABI, which every filter covers. */
export function nativeAbi(): Abi {
  return process.arch === 'arm64' ? abis.SCMP_ARCH_AARCH64 : abis.SCMP_ARCH_X86_64;
}

const tables = new Map<Abi['name'], ReadonlyMap<string, number>>();

/** Numbers by name, `base` included. Parsed once. */
export function syscallTable(abi: Abi): ReadonlyMap<string, number> {
  let table = tables.get(abi.name);
  if (table === undefined) tables.set(abi.name, (table = parseTable(texts[abi.name], abi.base)));
  return table;
}

function parseTable(text: string, base: number): Map<string, number> {
  const table = new Map<string, number>();
  let number = base;
  for (const word of text.split(/\s+/)) {
    if (word === '') continue;
    if (word.startsWith('@')) number = base + Number(word.slice(1));
    else table.set(word, number++);
  }
  return table;
}
