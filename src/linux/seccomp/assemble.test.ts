import { describe, expect, test } from 'bun:test';
import { capabilityNames, defaultCapabilities } from '../capabilities.ts';
import { assembleSeccomp } from './assemble.ts';
import { seccompFlags } from './actions.ts';
import { bpf } from './bpf.ts';
import { defaultProfile } from './default-profile.ts';
import { resolveProfile } from './profile.ts';
import { abiOf, syscallTable, x32Bit, type Abi } from './syscalls.ts';
import type { Seccomp, SyscallRule } from './types.ts';

const names = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'] as const;
const abis = Object.fromEntries(names.map((name) => [name, abiOf(name) as Abi])) as Record<(typeof names)[number], Abi>;
const x64 = abis.SCMP_ARCH_X86_64;
const arm64 = abis.SCMP_ARCH_AARCH64;

interface Call {
  readonly arch: number;
  readonly number: number;
  readonly args: readonly bigint[];
}

/**
 * Runs a program as the kernel would, its own checks included. Answers the value returned and the instructions taken.
 */
function run(program: Uint8Array, call: Call): { value: number; steps: number } {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call.number, true);
  data.setUint32(4, call.arch, true);
  call.args.forEach((argument, index) => data.setBigUint64(16 + 8 * index, argument, true));
  const code = new DataView(program.buffer, program.byteOffset, program.length);
  let accumulator = 0;
  for (let pc = 0, steps = 1; pc * 8 < program.length; steps++) {
    const [op, jt, jf, k] = [code.getUint16(pc * 8, true), code.getUint8(pc * 8 + 2), code.getUint8(pc * 8 + 3), code.getUint32(pc * 8 + 4, true)];
    pc++;
    const jump = (holds: boolean) => (pc += holds ? jt : jf);
    if (op === bpf.RET) return { value: k, steps };
    else if (op === bpf.LD_W_ABS) accumulator = data.getUint32(k, true);
    else if (op === bpf.AND) accumulator = (accumulator & k) >>> 0;
    else if (op === bpf.JA) pc += k;
    else if (op === bpf.JEQ) jump(accumulator === k);
    else if (op === bpf.JGT) jump(accumulator > k);
    else if (op === bpf.JGE) jump(accumulator >= k);
    else throw new Error(`no such instruction: ${op}`);
  }
  throw new Error('ran off the end');
}

const values: Record<string, number> = {
  SCMP_ACT_ALLOW: 0x7fff0000, SCMP_ACT_LOG: 0x7ffc0000, SCMP_ACT_KILL: 0, SCMP_ACT_KILL_PROCESS: 0x80000000, SCMP_ACT_TRAP: 0x30000,
};
const returned = (action: string, errnoRet = 1) =>
  action === 'SCMP_ACT_ERRNO' ? 0x50000 | errnoRet : action === 'SCMP_ACT_TRACE' ? 0x7ff00000 | errnoRet : (values[action] as number);

function holds(argument: { index: number; value: number | bigint; valueTwo?: number | bigint; op: string }, call: Call): boolean {
  const [have, value] = [call.args[argument.index] as bigint, BigInt(argument.value)];
  switch (argument.op) {
    case 'SCMP_CMP_EQ': return have === value;
    case 'SCMP_CMP_NE': return have !== value;
    case 'SCMP_CMP_LT': return have < value;
    case 'SCMP_CMP_LE': return have <= value;
    case 'SCMP_CMP_GT': return have > value;
    case 'SCMP_CMP_GE': return have >= value;
    default: return (have & value) === BigInt(argument.valueTwo ?? 0);
  }
}

/** Rules by number, and the newest number, of one ABI; the calls that carry others count as named with them. */
function knowledge(seccomp: Seccomp, abi: Abi) {
  const table = syscallTable(abi);
  const byNumber = new Map<number, SyscallRule[]>();
  let newest = -1;
  const fallback = returned(seccomp.defaultAction, seccomp.defaultErrnoRet);
  for (const rule of seccomp.syscalls ?? []) {
    const changes = returned(rule.action, rule.errnoRet) !== fallback;
    for (const name of rule.names) {
      const carrier = changes ? abi.multiplexed[name]?.[0] : undefined;
      const number = table.get(name);
      newest = Math.max(newest, number !== undefined && number < abi.privateFrom ? number : -1, table.get(carrier ?? '') ?? -1);
      if (number !== undefined && changes) byNumber.set(number, [...(byNumber.get(number) ?? []), rule]);
    }
  }
  return { byNumber, newest, fallback };
}

/**
 * What a filter says about a call, rule by rule, without any of the assembler's ideas (socketcall and arm's own calls
 * left out).
 */
function evaluator(seccomp: Seccomp, native: Abi): (call: Call) => number {
  const covered = [native, ...(seccomp.architectures ?? []).map((name) => abiOf(name) as Abi)];
  const known = new Map(covered.map((abi) => [abi, knowledge(seccomp, abi)]));
  const permissive = ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE'].includes(seccomp.defaultAction);
  return (call) => {
    const sameWord = covered.filter((one) => one.auditArch === call.arch);
    const abi = sameWord.find((one) => (one.base !== 0) === (call.arch === x64.auditArch && call.number >= x32Bit));
    if (abi === undefined) return sameWord.length > 0 && call.number === 0xffffffff ? returned(seccomp.defaultAction, seccomp.defaultErrnoRet) : 0;
    const { byNumber, newest, fallback } = known.get(abi) as ReturnType<typeof knowledge>;
    if (newest >= 0 && call.number > newest && !permissive) return 0x50026;
    const mine = byNumber.get(call.number) ?? [];
    const whole = mine.find((rule) => (rule.args ?? []).length === 0);
    if (whole !== undefined) return returned(whole.action, whole.errnoRet);
    const match = mine.find((rule) => {
      const args = rule.args ?? [];
      const repeated = new Set(args.map((argument) => argument.index)).size < args.length;
      return repeated ? args.some((argument) => holds(argument, call)) : args.every((argument) => holds(argument, call));
    });
    return match === undefined ? fallback : returned(match.action, match.errnoRet);
  };
}

/** xorshift, so that a failure can be had again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const interesting = [0n, 1n, 2n, 8n, 37n, 38n, 39n, 40n, 41n, 0x7e020000n, 0x11n, 0x20008n, 0xffffffffn, 0x100000000n, 0x100000008n, 0xffffffff00000000n, 0xffffffffffffffffn];

function compare(seccomp: Seccomp, native: Abi, skip: (call: Call) => boolean = () => false): number {
  const program = assembleSeccomp(seccomp, native);
  const evaluate = evaluator(seccomp, native);
  const pick = random(12345);
  const word = () => interesting[pick(interesting.length)] as bigint;
  let compared = 0;
  const check = (call: Call) => {
    if (skip(call)) return;
    compared++;
    const [got, wanted] = [run(program, call).value, evaluate(call)];
    if (got !== wanted) throw new Error(`${JSON.stringify(call, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))}: ${got} and not ${wanted}`);
  };
  const archs = [...new Set(names.map((name) => abis[name].auditArch)), 0x1234];
  for (const arch of archs) {
    for (const base of [0, x32Bit]) {
      for (let number = 0; number < 560; number++) {
        for (let tries = 0; tries < 3; tries++) check({ arch, number: base + number, args: [word(), word(), word(), word(), word(), word()] });
      }
    }
    for (const number of [0x3fffffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]) check({ arch, number, args: [0n, 0n, 0n, 0n, 0n, 0n] });
  }
  return compared;
}

const target = { architecture: 'x64', kernelRelease: '6.1.0', capabilities: defaultCapabilities as readonly string[] };
const isCarrier = (call: Call) => call.arch === abis.SCMP_ARCH_X86.auditArch && (call.number === 102 || call.number === 117);
const isArmOwn = (call: Call) => call.arch === abis.SCMP_ARCH_ARM.auditArch && call.number >= 0xf0000;

describe('programs do what the rules say', () => {
  test('the default profile', () => {
    expect(compare(resolveProfile(defaultProfile, target) as Seccomp, x64)).toBeGreaterThan(10_000);
  });

  test('the default profile with every capability, and on arm64', () => {
    compare(resolveProfile(defaultProfile, { ...target, capabilities: capabilityNames }) as Seccomp, x64);
    compare(resolveProfile(defaultProfile, { ...target, architecture: 'arm64' }) as Seccomp, arm64, isArmOwn);
  });

  test('only the native architecture', () => {
    compare({ ...(resolveProfile(defaultProfile, target) as Seccomp), architectures: [] }, x64);
  });

  test.each(['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_TRAP', 'SCMP_ACT_TRACE'])('default action %s', (defaultAction) => {
    const syscalls = [{ names: ['mkdir', 'chmod', 'semop', 'no_such_call'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 }, { names: ['kill'], action: 'SCMP_ACT_TRACE' }];
    compare({ defaultAction, architectures: [...names], syscalls }, x64, (call) => isCarrier(call) || isArmOwn(call));
  });

  test('random rules', () => {
    const pick = random(99);
    const calls = [...syscallTable(x64).keys()].slice(0, 340);
    const operators = ['EQ', 'NE', 'LT', 'LE', 'GT', 'GE', 'MASKED_EQ'];
    const actions = ['SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_LOG'];
    for (let round = 0; round < 5; round++) {
      const syscalls = Array.from({ length: 150 }, (): SyscallRule => {
        const args = Array.from({ length: pick(4) }, () => {
          const op = `SCMP_CMP_${operators[pick(operators.length)]}`;
          const value = interesting[pick(interesting.length)] as bigint;
          return { index: pick(6), op, value, valueTwo: value & (interesting[pick(interesting.length)] as bigint) };
        });
        return { names: [calls[pick(calls.length)] as string], action: actions[pick(actions.length)] as string, args };
      });
      compare({ defaultAction: 'SCMP_ACT_ERRNO', syscalls, architectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] }, x64, isCarrier);
    }
  });
});

const call = (name: string, args: readonly bigint[] = [], abi: Abi = x64): Call => ({
  arch: abi.auditArch, number: syscallTable(abi).get(name) as number, args: [...args, 0n, 0n, 0n, 0n, 0n, 0n].slice(0, 6),
});

test('the default profile refuses namespaces, vsock and clone3, and allows what programs need', () => {
  const program = assembleSeccomp(resolveProfile(defaultProfile, target) as Seccomp, x64);
  const value = (made: Call) => run(program, made).value;
  expect(value(call('read'))).toBe(0x7fff0000);
  expect(value(call('mount'))).toBe(0x50001);
  expect(value(call('clone3'))).toBe(0x50026);
  expect(value(call('clone', [0x11n]))).toBe(0x7fff0000);
  expect(value(call('clone', [0x10000011n]))).toBe(0x50001);
  expect(value(call('socket', [40n]))).toBe(0x50001);
  expect(value(call('socket', [2n]))).toBe(0x7fff0000);
  expect(value(call('socket', [(1n << 32n) | 38n]))).toBe(0x7fff0000);
  expect(value({ ...call('read'), number: 600 })).toBe(0x50026);
  expect(value({ ...call('read'), arch: 0xc00000b7 })).toBe(0);
});

test('a tree takes few steps to any decision, and is small', () => {
  const program = assembleSeccomp(resolveProfile(defaultProfile, target) as Seccomp, x64);
  const steps = [...syscallTable(x64).keys()].map((name) => run(program, call(name)).steps);
  expect(Math.max(...steps)).toBeLessThan(32);
  expect(program.length / 8).toBeLessThan(800);
});

test('an inner call of socketcall is refused with the call', () => {
  const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_X86'], syscalls: [{ names: ['connect'], action: 'SCMP_ACT_ERRNO' }] };
  const program = assembleSeccomp(seccomp, x64);
  const i386 = abis.SCMP_ARCH_X86;
  expect(run(program, call('socketcall', [3n], i386)).value).toBe(0x50001);
  expect(run(program, call('socketcall', [1n], i386)).value).toBe(0x7fff0000);
  expect(run(program, call('connect', [], i386)).value).toBe(0x50001);
});

test('private calls of arm are told apart from newer ones', () => {
  const seccomp = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['read', 'set_tls'], action: 'SCMP_ACT_ALLOW' }] };
  const program = assembleSeccomp(seccomp, abis.SCMP_ARCH_ARM);
  const value = (number: number) => run(program, { ...call('read', [], abis.SCMP_ARCH_ARM), number }).value;
  expect([3, 2, 4, 0xefff, 0xf0000, 0xf0004, 0xf0005, 0xf0006].map(value)).toEqual([
    0x7fff0000, 0x50001, 0x50026, 0x50026, 0x50001, 0x50001, 0x7fff0000, 0x50001,
  ]);
});

const rule = (change: Partial<SyscallRule>, rest: Partial<Seccomp> = {}): Seccomp => ({
  defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', ...change }], ...rest,
});

test('what cannot be is refused', () => {
  const argument = { index: 0, value: 1, op: 'SCMP_CMP_EQ' };
  expect(() => assembleSeccomp(rule({ action: 'SCMP_ACT_NOTIFY' }))).toThrow('SCMP_ACT_NOTIFY is not supported');
  expect(() => assembleSeccomp(rule({ action: 'constructor' }))).toThrow('string constructor is not a valid action for seccomp');
  expect(() => assembleSeccomp(rule({ args: [{ ...argument, op: 'EQ' }] }))).toThrow('string EQ is not a valid operator for seccomp');
  expect(() => assembleSeccomp(rule({ args: [{ ...argument, index: 6 }] }))).toThrow('seccomp argument index 6');
  expect(() => assembleSeccomp(rule({ args: [{ ...argument, value: -1 }] }))).toThrow('is negative');
  expect(() => assembleSeccomp(rule({}, { architectures: ['SCMP_ARCH_Z80'] }))).toThrow('string SCMP_ARCH_Z80 is not a valid arch for seccomp');
  const args = Array.from({ length: 6 }, (_, index) => ({ index, value: 1, op: 'SCMP_CMP_GT' }));
  const many = Array.from({ length: 200 }, () => ({ names: ['read'], action: 'SCMP_ACT_ALLOW', args }));
  expect(() => assembleSeccomp({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: many })).toThrow('the kernel takes at most 4096');
  expect(seccompFlags(['SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_LOG'])).toBe(2);
  expect(() => seccompFlags(['X'])).toThrow('seccomp flag X is not known');
});

test('foreign architectures are accepted, and mean nothing here', () => {
  const seccomp = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }] };
  expect(assembleSeccomp({ ...seccomp, architectures: ['SCMP_ARCH_S390X'] }, x64)).toEqual(assembleSeccomp(seccomp, x64));
});
