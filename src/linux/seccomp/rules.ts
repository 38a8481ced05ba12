/** From rules over names to a decision for every number that an ABI's calls can have. */
import { invalidParameter } from '../../errors.ts';
import { actionValue, enosys, isPermissive, killThread } from './actions.ts';
import { abiOf, nativeAbi, syscallTable, x32Bit, type Abi } from './syscalls.ts';
import type { Seccomp, SyscallArgument, SyscallRule } from './types.ts';

const operators = [
  'SCMP_CMP_EQ', 'SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_GT', 'SCMP_CMP_GE', 'SCMP_CMP_MASKED_EQ',
] as const;
export type Operator = (typeof operators)[number];

/** A comparison of an argument with an unsigned 64-bit value. */
export interface Comparison {
  readonly index: number;
  readonly operator: Operator;
  /** All ones but for SCMP_CMP_MASKED_EQ. */
  readonly mask: bigint;
  readonly value: bigint;
}

/** A filter's return value when every comparison holds. */
export interface ConditionalAction {
  readonly comparisons: readonly Comparison[];
  readonly action: number;
}

/** What happens to a call: the first alternative that holds, or else `otherwise`. */
export interface Decision {
  readonly alternatives: readonly ConditionalAction[];
  readonly otherwise: number;
}

/** Numbers from `first` up to the next range, all with the same decision. */
export interface DecisionRange {
  readonly first: number;
  readonly decision: Decision;
}

/** Ranges that cover 0 to 2^32-1, in order, for the calls with one AUDIT_ARCH word. */
export interface ArchitectureDecisions {
  readonly auditArch: number;
  readonly ranges: readonly DecisionRange[];
}

const allOnes = 0xffff_ffff_ffff_ffffn;
const firstOfPtraceSkip = 0xffff_ffff;
const always = (action: number): Decision => ({ alternatives: [], otherwise: action });

/** Resolves a filter's rules for the native ABI and the `architectures` it names; x86_64 and x32 come out as one. */
export function resolveRules(seccomp: Seccomp, native: Abi = nativeAbi()): ArchitectureDecisions[] {
  const covered = new Map<string, Abi>([[native.name, native]]);
  for (const name of seccomp.architectures ?? []) {
    const abi = abiOf(name);
    if (abi === undefined) throw invalidParameter(`string ${name} is not a valid arch for seccomp`);
    if (abi !== 'foreign') covered.set(abi.name, abi);
  }
  const groups = Map.groupBy(covered.values(), (abi) => abi.auditArch);
  return [...groups].map(([auditArch, abis]) => ({ auditArch, ranges: mergeRanges(rangesOf(seccomp, abis)) }));
}

function rangesOf(seccomp: Seccomp, abis: readonly Abi[]): DecisionRange[] {
  if (abis.every((abi) => abi.auditArch !== 0xc000003e)) return abis.flatMap((abi) => abiRanges(seccomp, abi));
  // Below bit 30 the calls are x86_64's, from there on x32's. A kind that is not covered is as bad as an unknown
  // architecture, but -1 there is a call that a tracer skipped.
  const ordinary = abis.find((abi) => abi.base === 0);
  const x32 = abis.find((abi) => abi.base === x32Bit);
  const lower = ordinary === undefined ? [{ first: 0, decision: always(killThread) }] : abiRanges(seccomp, ordinary);
  if (x32 !== undefined) return [...lower, ...abiRanges(seccomp, x32)];
  return [
    ...lower,
    { first: x32Bit, decision: always(killThread) },
    { first: firstOfPtraceSkip, decision: always(actionValue(seccomp.defaultAction, seccomp.defaultErrnoRet)) },
  ];
}

/** Decisions from the ABI's base on. */
function abiRanges(seccomp: Seccomp, abi: Abi): DecisionRange[] {
  const otherwise = actionValue(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const decisions = decisionsByNumber(seccomp.syscalls ?? [], abi, otherwise);
  const ranges: DecisionRange[] = [{ first: abi.base, decision: always(otherwise) }];
  for (const [number, decision] of [...decisions].sort(([a], [b]) => a - b)) {
    ranges.push({ first: number, decision }, { first: number + 1, decision: always(otherwise) });
  }
  const newest = newestKnown(seccomp, abi, decisions);
  if (newest === undefined || isPermissive(seccomp.defaultAction) || otherwise === enosys) return ranges;
  ranges.push({ first: newest + 1, decision: always(enosys) });
  if (Number.isFinite(abi.privateFrom)) {
    ranges.push({ first: abi.privateFrom, decision: decisions.get(abi.privateFrom) ?? always(otherwise) });
  }
  // Stable: of two ranges that begin at the same number, the later one counts.
  return ranges.sort((a, b) => a.first - b.first);
}

/**
 * The highest number of a call that the rules name: what is above is newer than the profile (runc answers ENOSYS for it
 * too).
 */
function newestKnown(seccomp: Seccomp, abi: Abi, decisions: ReadonlyMap<number, Decision>): number | undefined {
  const table = syscallTable(abi);
  let newest: number | undefined;
  // Calls that say what happens anyway have no decision, and carriers of others have one and no name.
  for (const number of decisions.keys()) if (number < abi.privateFrom && number > (newest ?? -1)) newest = number;
  for (const { names } of seccomp.syscalls ?? []) {
    for (const name of names) {
      const number = table.get(name);
      if (number !== undefined && number < abi.privateFrom && number > (newest ?? -1)) newest = number;
    }
  }
  return newest;
}

interface Building {
  readonly alternatives: ConditionalAction[];
  unconditional: number | undefined;
}

function decisionsByNumber(rules: readonly SyscallRule[], abi: Abi, otherwise: number): Map<number, Decision> {
  const table = syscallTable(abi);
  const building = new Map<number, Building>();
  for (const rule of rules) {
    const action = actionValue(rule.action, rule.errnoRet);
    const alternatives = conditionsOf(rule.args ?? []);
    // As libseccomp: a rule that says what happens anyway is none.
    if (action === otherwise) continue;
    for (const name of rule.names) {
      const number = table.get(name);
      // As runc: a name that this ABI does not have is not an error.
      if (number !== undefined) addRule(building, number, alternatives, action);
      addMultiplexed(building, abi, name, action);
    }
  }
  return new Map([...building].map(([number, { alternatives, unconditional }]) => [
    number,
    // A rule without conditions covers the call whole, wherever it stands; of several the first.
    unconditional === undefined ? { alternatives, otherwise } : always(unconditional),
  ]));
}

function addRule(
  building: Map<number, Building>,
  number: number,
  alternatives: readonly (readonly Comparison[])[],
  action: number,
): void {
  let entry = building.get(number);
  if (entry === undefined) building.set(number, (entry = { alternatives: [], unconditional: undefined }));
  if (alternatives.length === 0) entry.unconditional ??= action;
  for (const comparisons of alternatives) entry.alternatives.push({ comparisons, action });
}

/**
 * On 32-bit x86 a socket can be had through `socketcall` too, whose arguments are in memory, out of a filter's sight: a
 * rule for `socket` then holds for the inner call whatever its conditions, as with libseccomp.
 */
function addMultiplexed(building: Map<number, Building>, abi: Abi, name: string, action: number): void {
  if (!Object.hasOwn(abi.multiplexed, name)) return;
  const [carrier, inner] = abi.multiplexed[name] as readonly [string, number];
  const number = syscallTable(abi).get(carrier) as number;
  addRule(building, number, [[{ index: 0, operator: 'SCMP_CMP_EQ', mask: allOnes, value: BigInt(inner) }]], action);
}

/**
 * Alternatives, each a list of comparisons that must all hold. Two on one argument make each comparison an alternative.
 */
function conditionsOf(args: readonly SyscallArgument[]): Comparison[][] {
  if (args.length === 0) return [];
  const comparisons = args.map(comparisonOf);
  const repeated = new Set(args.map((argument) => argument.index)).size < args.length;
  return repeated ? comparisons.map((comparison) => [comparison]) : [comparisons];
}

function comparisonOf(argument: SyscallArgument): Comparison {
  if (!Number.isInteger(argument.index) || argument.index < 0 || argument.index > 5) {
    throw invalidParameter(`seccomp argument index ${argument.index} is not one of a system call's six`);
  }
  const operator = operators.find((name) => name === argument.op);
  if (operator === undefined) throw invalidParameter(`string ${argument.op} is not a valid operator for seccomp`);
  const value = unsigned64(argument.value);
  if (operator !== 'SCMP_CMP_MASKED_EQ') return { index: argument.index, operator, mask: allOnes, value };
  return { index: argument.index, operator, mask: value, value: unsigned64(argument.valueTwo ?? 0) & value };
}

function unsigned64(value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isInteger(value)) {
    throw invalidParameter(`seccomp value ${value} is not a whole number`);
  }
  const wide = BigInt(value);
  if (wide < 0n) throw invalidParameter(`seccomp value ${value} is negative`);
  // JSON numbers lose their last digits up here: 2^64-1 arrives as 2^64.
  return wide > allOnes ? allOnes : wide;
}

/** Joins neighbours with the same decision, and keeps the last of several ranges that begin at the same number. */
function mergeRanges(ranges: readonly DecisionRange[]): DecisionRange[] {
  const merged: DecisionRange[] = [];
  for (const [index, range] of ranges.entries()) {
    if (ranges[index + 1]?.first === range.first) continue;
    const last = merged.at(-1);
    if (last === undefined || !sameDecision(last.decision, range.decision)) merged.push(range);
  }
  return merged;
}

function sameDecision(left: Decision, right: Decision): boolean {
  if (left === right) return true;
  const simple = left.alternatives.length === 0 && right.alternatives.length === 0;
  return simple && left.otherwise === right.otherwise;
}
