import { expect, test } from 'bun:test';
import { describeFields, describePlan, formatPlan } from './describe.ts';
import type { Plan } from './operations.ts';

const plan: Plan = {
  prepare: [{ name: 'mkdir', path: '/sys/fs/cgroup/a b', mode: 0o755, reason: 'a group of its own' }],
  clone: { name: 'clone', flags: 0x20000000n, cgroup: '', reason: 'a process' },
  init: [{ name: 'seccomp', program: new Uint8Array(16), flags: 0, reason: 'fewer system calls' }],
  host: [],
  release: [{ name: 'rmdir', path: '/x', reason: 'nothing is left' }],
};

test('operations in order, with their section and index', () => {
  expect(describePlan(plan).map(({ section, index, operation }) => [section, index, operation])).toEqual([
    ['prepare', 0, 'mkdir'], ['clone', 0, 'clone'], ['init', 0, 'seccomp'], ['release', 0, 'rmdir'],
  ]);
});

test('fields as people write them', () => {
  expect(describePlan(plan).map(({ fields }) => fields)).toEqual([
    'path="/sys/fs/cgroup/a b" mode=0755', 'flags=0x20000000', 'program=<16 bytes>', 'path=/x',
  ]);
});

test('empty values are left out, long ones shortened', () => {
  const text = describeFields({ name: 'execve', candidates: [], argv: ['x'.repeat(500)], envp: [], reason: '' });
  expect(text).toStartWith('argv=["xxx');
  expect(text.length).toBeLessThan(170);
});

test('one line per operation, with its reason', () => {
  expect(formatPlan(plan).split('\n')[1]).toMatch(/^ {2}mkdir path="\/sys\/fs\/cgroup\/a b" mode=0755 +# a group of its own$/);
});
