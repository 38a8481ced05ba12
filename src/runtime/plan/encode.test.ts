import { expect, test } from 'bun:test';
import { CaissonError } from '../../errors.ts';
import { encodePlan, planMagic, planVersion } from './encode.ts';
import type { Operation, Plan } from './operations.ts';
import { operations } from './operations.ts';

const because = { reason: 'test' } as const;
const empty: Plan = { prepare: [], clone: { name: 'clone', flags: 1n, cgroup: '', ...because }, init: [], host: [], release: [] };
/** Bytes in hexadecimal, one argument per field. */
const wire = (...fields: readonly string[]) => fields.join('');
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

test('a plan begins with its magic and version, and has five sections', () => {
  const data = Buffer.from(encodePlan(empty));
  expect(data.readUInt32LE(0)).toBe(planMagic);
  expect(data.subarray(0, 4).toString()).toBe('CPLN');
  expect(data.readUInt32LE(4)).toBe(planVersion);
  const nothing = '0000000000000000';
  const clone = wire('01000000', '15000000', '14000000', '0d000000', '0100000000000000', '00000000', '00');
  expect(hex(data.subarray(8))).toBe(nothing + clone + nothing.repeat(3));
});

test('every field kind has its form', () => {
  const init: Operation[] = [
    { name: 'writeFile', path: 'é', data: '', create: 1, mode: 0o644, ...because },
    { name: 'openTree', slot: 3, path: '/a', recursive: 0, idmap: -1, ...because },
    { name: 'setuser', uid: 1, gid: 2, groups: [3, 4], setgroups: 1, ...because },
    { name: 'maskPaths', paths: ['/a', ''], ...because },
    { name: 'seccomp', program: new Uint8Array([1, 2, 3]), flags: 0, ...because },
    { name: 'setrlimit', resource: 7, soft: 1n, hard: 0xffffffffffffffffn, ...because },
  ];
  const data = hex(encodePlan({ ...empty, init }));
  for (const form of [
    wire('0300000014000000', '02000000c3a900', '0000000000', '01000000', 'a4010000'),
    wire('0b00000013000000', '03000000', '020000002f6100', '00000000', 'ffffffff'),
    wire('3700000018000000', '01000000', '02000000', '020000000300000004000000', '01000000'),
    wire('200000000c000000', '02000000', '04000000', '2f610000'),
    wire('3a0000000b000000', '03000000010203', '00000000'),
    wire('3400000014000000', '07000000', '0100000000000000', 'ffffffffffffffff'),
  ]) expect(data).toContain(form);
});

test('a large plan outgrows the first buffer', () => {
  const envp = Array.from({ length: 5000 }, (_, i) => `VARIABLE_${i}=${'x'.repeat(50)}`);
  const data = Buffer.from(encodePlan({ ...empty, init: [{ name: 'execve', candidates: ['/a'], argv: ['a'], envp, ...because }] }));
  expect(data.toString('latin1')).toContain(`VARIABLE_4999=${'x'.repeat(50)}\0`);
});

test('a NUL inside a string is refused', () => {
  const execve: Operation = { name: 'execve', candidates: ['/a'], argv: ['a', 'b\0c'], envp: [], ...because };
  expect(() => encodePlan({ ...empty, init: [execve] })).toThrow(CaissonError);
});

test('operation codes are unique, and no field is named like what every operation has', () => {
  const codes = Object.values(operations).map(({ code }) => code);
  expect(new Set<number>(codes).size).toBe(codes.length);
  for (const { fields } of Object.values(operations)) expect(Object.keys(fields)).not.toContainAnyValues(['name', 'reason']);
});
