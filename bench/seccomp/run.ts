/**
 * What a system call costs under the default filter: as Caisson assembles it, as a list in the order of numbers, as
 * libseccomp makes it (where it is installed), and without any. Usage: bun bench/seccomp/run.ts [loops]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultCapabilities } from '../../src/linux/capabilities.ts';
import { actionValue } from '../../src/linux/seccomp/actions.ts';
import { assembleDecisions, assembleSeccomp } from '../../src/linux/seccomp/assemble.ts';
import { bpf, encodeBpf, instruction, seccompData, type BpfInstruction } from '../../src/linux/seccomp/bpf.ts';
import { defaultProfile } from '../../src/linux/seccomp/default-profile.ts';
import { resolveProfile } from '../../src/linux/seccomp/profile.ts';
import { resolveRules, type ArchitectureDecisions } from '../../src/linux/seccomp/rules.ts';
import type { Seccomp } from '../../src/linux/seccomp/types.ts';

const loops = process.argv[2] ?? '10000';
const directory = mkdtempSync(join(tmpdir(), 'caisson-bench-seccomp-'));
const seccomp = resolveProfile(defaultProfile, { architecture: process.arch, kernelRelease: release(), capabilities: defaultCapabilities }) as Seccomp;

/**
 * One test after the other for every number that is not refused, each jumping to its own answer: the order of a list.
 */
function linearProgram(architectures: readonly ArchitectureDecisions[]): Uint8Array {
  const program: BpfInstruction[] = [instruction(bpf.LD_W_ABS, seccompData.arch)];
  for (const { auditArch, ranges } of architectures) {
    const body: BpfInstruction[] = [instruction(bpf.LD_W_ABS, seccompData.number)];
    ranges.forEach(({ first, decision }, index) => {
      const end = ranges[index + 1]?.first ?? 2 ** 32;
      // One range alone, assembled, is its answer; the leading and the last instruction are the architecture's.
      const leaf = assembleDecisions([{ auditArch, ranges: [{ first: 0, decision }] }]).slice(3, -1);
      if (decision.otherwise === actionValue('SCMP_ACT_ERRNO', 1) && decision.alternatives.length === 0) return;
      const tests = end === 2 ** 32 ? [instruction(bpf.JGE, first, 0, leaf.length)] : [instruction(bpf.JGE, first, 0, leaf.length + 1), instruction(bpf.JGE, end, leaf.length, 0)];
      if (end - first > 100) body.push(...tests, ...leaf);
      else for (let number = first; number < end; number++) body.push(instruction(bpf.JEQ, number, 0, leaf.length), ...leaf);
    });
    body.push(instruction(bpf.RET, actionValue('SCMP_ACT_ERRNO', 1)));
    program.push(instruction(bpf.JEQ, auditArch, 1, 0), instruction(bpf.JA, body.length), ...body);
  }
  return encodeBpf([...program, instruction(bpf.RET, 0)]);
}

const operators = ['', 'SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ'];

/** The rules as lines for libseccomp.c. */
function ruleLines(): string {
  return (seccomp.syscalls ?? []).flatMap((rule) => rule.names.map((name) => {
    const args = (rule.args ?? []).map((one) => `${one.index} ${operators.indexOf(one.op)} ${one.value} ${one.valueTwo ?? 0}`);
    return `${[name, actionValue(rule.action, rule.errnoRet), args.length, ...args].join(' ')}\n`;
  })).join('');
}

function compile(source: string, ...flags: string[]): string {
  const output = join(directory, source.replace('.c', ''));
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-o', output, join(import.meta.dirname, source), ...flags], { stdio: 'inherit' });
  return output;
}

function libseccomp(optimize: number): Uint8Array | undefined {
  const output = join(directory, `libseccomp-${optimize}.bpf`);
  const { status } = spawnSync(compile('libseccomp.c', '-ldl'), [`${optimize}`, output], { input: ruleLines() });
  return status === 0 ? new Uint8Array(readFileSync(output)) : undefined;
}

function costs(measure: string, program: Uint8Array | undefined): Map<string, number> {
  const path = program === undefined ? 'none' : join(directory, 'filter.bpf');
  if (program !== undefined) writeFileSync(path, program);
  const output = execFileSync(measure, [path, loops], { encoding: 'utf8' });
  return new Map(output.trim().split('\n').map((line) => line.split(' ') as [string, string]).map(([name, value]) => [name, Number(value)]));
}

try {
  const measure = compile('measure.c');
  const filters: [string, Uint8Array | undefined][] = [
    ['none', undefined],
    ['caisson', assembleSeccomp(seccomp)],
    ['list', linearProgram(resolveRules(seccomp))],
  ];
  for (const [name, optimize] of [['libseccomp list', 1], ['libseccomp tree', 2]] as const) {
    const program = libseccomp(optimize);
    if (program !== undefined) filters.push([name, program]);
  }
  const columns = filters.map(([name, program]) => ({ name, size: program === undefined ? 0 : program.length / 8, costs: costs(measure, program) }));
  const names = [...(columns[0]?.costs.keys() ?? [])];
  console.log(['nanoseconds a call'.padEnd(24), ...columns.map(({ name }) => name.padStart(16))].join(''));
  for (const name of names) console.log([name.padEnd(24), ...columns.map(({ costs: each }) => (each.get(name) ?? 0).toFixed(0).padStart(16))].join(''));
  console.log(['instructions'.padEnd(24), ...columns.map(({ size }) => `${size}`.padStart(16))].join(''));
} finally {
  rmSync(directory, { recursive: true });
}
