/**
 * Device rules for cgroup v2, which asks a BPF program (BPF_PROG_TYPE_CGROUP_DEVICE, struct bpf_cgroup_dev_ctx in
 * linux/bpf.h).
 *
 * The program walks the rules from the last to the first with the kinds of access that are still undecided: an allowing
 * rule settles its own, and when none is left the answer is yes; a denying rule that meets one of them answers no.
 */
import type { DeviceRule } from './resources.ts';

/** BPF_DEVCG_ACC_* and BPF_DEVCG_DEV_*. */
const accessBits: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const allAccess = 7;
const deviceTypes = { b: 1, c: 2 } as const;

/** Registers: the context comes in r1, the answer leaves in r0. */
const register = { answer: 0, context: 1, type: 2, access: 3, major: 4, minor: 5 } as const;

const opcode = {
  LDX_W: 0x61,
  AND32_K: 0x54,
  RSH32_K: 0x74,
  MOV32_X: 0xbc,
  MOV64_K: 0xb7,
  JA: 0x05,
  JNE_K: 0x55,
  JSET_K: 0x45,
  EXIT: 0x95,
} as const;

interface Instruction {
  readonly code: number;
  readonly destination: number;
  readonly source: number;
  readonly offset: number;
  readonly immediate: number;
}

type Operands = Partial<Pick<Instruction, 'source' | 'offset' | 'immediate'>>;

const instruction = (code: number, destination: number, operands: Operands = {}): Instruction => ({
  code, destination, source: 0, offset: 0, immediate: 0, ...operands,
});

const answer = (value: 0 | 1): Instruction[] => [
  instruction(opcode.MOV64_K, register.answer, { immediate: value }),
  instruction(opcode.EXIT, 0),
];

/**
 * A struct bpf_insn array that answers 1 for an access that the rules allow, 0 otherwise and for what no rule speaks
 * of.
 */
export function assembleDeviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  // What stands before a rule about everything never counts; and kernels refuse code that cannot be reached.
  const whole = rules.findLastIndex(isAboutEverything);
  return encode([
    // access_type: the kind of access in the upper half, of device in the lower.
    instruction(opcode.LDX_W, register.type, { source: register.context, offset: 0 }),
    instruction(opcode.MOV32_X, register.access, { source: register.type }),
    instruction(opcode.RSH32_K, register.access, { immediate: 16 }),
    instruction(opcode.AND32_K, register.type, { immediate: 0xffff }),
    instruction(opcode.LDX_W, register.major, { source: register.context, offset: 4 }),
    instruction(opcode.LDX_W, register.minor, { source: register.context, offset: 8 }),
    ...rules.slice(whole + 1).toReversed().flatMap(ruleInstructions),
    ...answer(rules[whole]?.allow === true ? 1 : 0),
  ]);
}

/** True when no program is needed. */
export function allowsEverything(rules: readonly DeviceRule[]): boolean {
  const whole = rules.findLastIndex(isAboutEverything);
  return rules.length === 0 || (whole >= 0 && rules.slice(whole).every(({ allow }) => allow));
}

const isAny = (value: number | undefined) => value === undefined || value < 0;

const isAboutEverything = (rule: DeviceRule) =>
  (rule.type === undefined || rule.type === 'a') && isAny(rule.major) && isAny(rule.minor) && maskOf(rule.access) === allAccess;

function ruleInstructions(rule: DeviceRule): Instruction[] {
  const access = maskOf(rule.access);
  const decide = rule.allow
    ? [
        instruction(opcode.AND32_K, register.access, { immediate: ~access & allAccess }),
        instruction(opcode.JNE_K, register.access, { immediate: 0, offset: 2 }),
        ...answer(1),
      ]
    : [
        instruction(opcode.JSET_K, register.access, { immediate: access, offset: 1 }),
        // Nothing of it is asked for: on to the next rule.
        instruction(opcode.JA, 0, { offset: 2 }),
        ...answer(0),
      ];
  const tests: [number, number][] = [];
  if (rule.type === 'c' || rule.type === 'b') tests.push([register.type, deviceTypes[rule.type]]);
  if (!isAny(rule.major)) tests.push([register.major, rule.major as number]);
  if (!isAny(rule.minor)) tests.push([register.minor, rule.minor as number]);
  const match = tests.map(([from, immediate], index) =>
    instruction(opcode.JNE_K, from, { immediate, offset: tests.length - index - 1 + decide.length }));
  return [...match, ...decide];
}

function maskOf(access: string | undefined): number {
  if (access === undefined || access === '') return allAccess;
  return access.split('').reduce((mask, letter) => mask | (accessBits[letter] ?? 0), 0);
}

function encode(program: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * 8));
  program.forEach(({ code, destination, source, offset, immediate }, index) => {
    view.setUint8(index * 8, code);
    view.setUint8(index * 8 + 1, (source << 4) | destination);
    view.setInt16(index * 8 + 2, offset, true);
    view.setInt32(index * 8 + 4, immediate, true);
  });
  return new Uint8Array(view.buffer);
}
