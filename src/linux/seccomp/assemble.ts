/**
 * From decisions to a BPF program. The kernel runs it for every call that it cannot prove to be always allowed, so the
 * number of instructions on the way counts: a balanced tree over ranges of numbers takes about seven comparisons where
 * a list in the order of the profile takes hundreds.
 */
import { invalidParameter } from '../../errors.ts';
import { bpf, encodeBpf, instruction, maxInstructions, seccompData, type BpfInstruction } from './bpf.ts';
import { killThread } from './actions.ts';
import { resolveRules, type ArchitectureDecisions, type Comparison, type Decision, type DecisionRange } from './rules.ts';
import { nativeAbi, type Abi } from './syscalls.ts';
import type { Seccomp } from './types.ts';

/**
 * Assembles a filter into an array of struct sock_filter for seccomp(2).
 *
 * - Covers the native ABI and those in `architectures`; a call of any other is killed.
 * - Names that an ABI does not have are left out.
 * - Unless the default action lets calls through, a number above all that the rules name is answered ENOSYS.
 *
 * Throws invalid-parameter for a malformed filter or one over 4096 instructions, not-implemented for SCMP_ACT_NOTIFY.
 */
export function assembleSeccomp(seccomp: Seccomp, native: Abi = nativeAbi()): Uint8Array {
  const program = assembleDecisions(resolveRules(seccomp, native));
  if (program.length > maxInstructions) {
    const size = `${program.length} BPF instructions; the kernel takes at most ${maxInstructions}`;
    throw invalidParameter(`the seccomp profile needs ${size}`);
  }
  return encodeBpf(program);
}

/**
 * Load the architecture; one test for each, the native first, with the tree for its numbers right behind; kill what is
 * left.
 */
export function assembleDecisions(architectures: readonly ArchitectureDecisions[]): BpfInstruction[] {
  const program: BpfInstruction[] = [instruction(bpf.LD_W_ABS, seccompData.arch)];
  for (const { auditArch, ranges } of architectures) {
    const body = [instruction(bpf.LD_W_ABS, seccompData.number), ...treeOf(ranges)];
    if (body.length <= 255) program.push(instruction(bpf.JEQ, auditArch, 0, body.length));
    else program.push(instruction(bpf.JEQ, auditArch, 1, 0), instruction(bpf.JA, body.length));
    program.push(...body);
  }
  program.push(instruction(bpf.RET, killThread));
  return program;
}

/** A search tree over ranges: each test halves them. The accumulator holds the call's number. */
function treeOf(ranges: readonly DecisionRange[]): BpfInstruction[] {
  const middle = ranges.length >> 1;
  const pivot = ranges[middle] as DecisionRange;
  if (middle === 0) return leafOf(pivot.decision);
  const lower = treeOf(ranges.slice(0, middle));
  const upper = treeOf(ranges.slice(middle));
  // A conditional jump reaches 255 instructions; an unconditional one as far as is needed.
  const test =
    lower.length <= 255
      ? [instruction(bpf.JGE, pivot.first, lower.length, 0)]
      : [instruction(bpf.JGE, pivot.first, 0, 1), instruction(bpf.JA, lower.length)];
  return [...test, ...lower, ...upper];
}

/** Each alternative falls through its comparisons to its return, or jumps behind it. */
function leafOf(decision: Decision): BpfInstruction[] {
  const leaf: BpfInstruction[] = [];
  for (const { comparisons, action } of decision.alternatives) {
    leaf.push(...alternativeOf(comparisons, action));
  }
  leaf.push(instruction(bpf.RET, decision.otherwise));
  return leaf;
}

/** Placeholder for a jump to the next alternative; no real offset is as large. */
const failed = 0x100;

function alternativeOf(comparisons: readonly Comparison[], action: number): BpfInstruction[] {
  const steps = [...comparisons.flatMap(comparisonOf), instruction(bpf.RET, action)];
  // At most six comparisons of six instructions: every offset fits.
  return steps.map((step, index) => {
    const toEnd = steps.length - index - 1;
    return { ...step, jt: step.jt === failed ? toEnd : step.jt, jf: step.jf === failed ? toEnd : step.jf };
  });
}

/** Compares a 64-bit argument as two words, high first. Falls through when it holds. */
function comparisonOf({ index, operator, mask, value }: Comparison): BpfInstruction[] {
  const high = Number(value >> 32n);
  const low = Number(value & 0xffff_ffffn);
  const loadHigh = instruction(bpf.LD_W_ABS, seccompData.argumentHigh(index));
  const loadLow = instruction(bpf.LD_W_ABS, seccompData.argumentLow(index));
  switch (operator) {
    case 'SCMP_CMP_EQ':
      return [loadHigh, instruction(bpf.JEQ, high, 0, failed), loadLow, instruction(bpf.JEQ, low, 0, failed)];
    case 'SCMP_CMP_NE':
      return [loadHigh, instruction(bpf.JEQ, high, 0, 2), loadLow, instruction(bpf.JEQ, low, failed, 0)];
    case 'SCMP_CMP_MASKED_EQ':
      return [
        ...maskedWord(loadHigh, Number(mask >> 32n), high),
        ...maskedWord(loadLow, Number(mask & 0xffff_ffffn), low),
      ];
    case 'SCMP_CMP_GT':
    case 'SCMP_CMP_GE': {
      const test = operator === 'SCMP_CMP_GT' ? bpf.JGT : bpf.JGE;
      return [
        loadHigh, instruction(bpf.JGT, high, 3, 0), instruction(bpf.JEQ, high, 0, failed),
        loadLow, instruction(test, low, 0, failed),
      ];
    }
    case 'SCMP_CMP_LT':
    case 'SCMP_CMP_LE': {
      const test = operator === 'SCMP_CMP_LT' ? bpf.JGE : bpf.JGT;
      return [
        loadHigh, instruction(bpf.JGT, high, failed, 0), instruction(bpf.JEQ, high, 0, 2),
        loadLow, instruction(test, low, failed, 0),
      ];
    }
  }
}

function maskedWord(load: BpfInstruction, mask: number, value: number): BpfInstruction[] {
  if (mask === 0) return [];
  const masked = mask === 0xffff_ffff ? [load] : [load, instruction(bpf.AND, mask)];
  return [...masked, instruction(bpf.JEQ, value, 0, failed)];
}
