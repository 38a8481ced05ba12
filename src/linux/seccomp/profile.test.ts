import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultCapabilities } from '../capabilities.ts';
import { defaultProfile } from './default-profile.ts';
import { parseProfile, resolveProfile, type SeccompProfile } from './profile.ts';

const target = { architecture: 'x64', kernelRelease: '6.1.0-13-amd64', capabilities: defaultCapabilities as readonly string[] };
const action = 'SCMP_ACT_ALLOW';
const minimal = { defaultAction: 'SCMP_ACT_ERRNO' };

/** One line for each call of a profile, with all that its group says, in an order of its own. */
function facts(profile: SeccompProfile): string[] {
  return (profile.syscalls ?? []).flatMap((group) => {
    const { caps, arches, minKernel } = group.includes ?? {};
    const { caps: notCaps, arches: notArches } = group.excludes ?? {};
    const args = (group.args ?? []).map((one) => [one.index, one.op, String(one.value), String(one.valueTwo ?? 0)]);
    return (group.names ?? []).map((name) => JSON.stringify([name, group.action, group.errnoRet ?? null, args, caps ?? [], arches ?? [], minKernel ?? '', notCaps ?? [], notArches ?? []]));
  }).sort();
}

const dockers = join(import.meta.dir, '../../../../shared/specs/seccomp-default.json');
test.skipIf(!existsSync(dockers))('the default profile has the facts of Docker\'s (needs the specification beside the checkout)', () => {
  const wanted = JSON.parse(readFileSync(dockers, 'utf8')) as SeccompProfile;
  expect(facts(defaultProfile)).toEqual(facts(wanted));
  expect(defaultProfile.defaultAction).toBe(wanted.defaultAction);
  expect(defaultProfile.defaultErrnoRet).toBe(wanted.defaultErrnoRet as number);
  expect(defaultProfile.archMap?.map((entry) => [entry.architecture, entry.subArchitectures])).toEqual(
    wanted.archMap?.map((entry) => [entry.architecture, entry.subArchitectures ?? []]) ?? [],
  );
});

test('the default profile is a profile', () => {
  expect(parseProfile(JSON.stringify(defaultProfile))).toEqual(defaultProfile);
});

test('architectures come from the map', () => {
  expect(resolveProfile(defaultProfile, target)?.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
  expect(resolveProfile(defaultProfile, { ...target, architecture: 'arm64' })?.architectures).toEqual(['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
});

const names = (profile: SeccompProfile, change: Partial<typeof target> = {}) =>
  resolveProfile(profile, { ...target, ...change })?.syscalls?.flatMap((rule) => rule.names);

test('groups are taken by capability, architecture and kernel', () => {
  const syscalls = [
    { names: ['a'], action, includes: { caps: ['CAP_CHOWN', 'CAP_SYS_ADMIN'] } },
    { names: ['b'], action, excludes: { caps: ['CAP_SYS_ADMIN', 'CAP_BPF'] } },
    { names: ['c'], action, includes: { arches: ['amd64'] }, excludes: { minKernel: '6.2' } },
    { name: 'd', action, includes: { minKernel: '4.8' } },
    { names: ['e'], action, excludes: { arches: ['amd64'] } },
  ];
  expect(names({ ...minimal, syscalls })).toEqual(['b', 'c', 'd']);
  expect(names({ ...minimal, syscalls }, { capabilities: ['CAP_SYS_ADMIN', 'CAP_CHOWN'] })).toEqual(['a', 'c', 'd']);
  expect(names({ ...minimal, syscalls }, { kernelRelease: '10.0' })).toEqual(['b', 'd']);
  expect(names({ ...minimal, syscalls }, { kernelRelease: '4.7.9' })).toEqual(['b', 'c']);
  expect(names({ ...minimal, syscalls }, { architecture: 'arm64' })).toEqual(['b', 'd', 'e']);
});

test('an empty profile is none', () => {
  expect(resolveProfile(parseProfile('{}'), target)).toBeUndefined();
});

test('a profile that contradicts itself is refused in Docker\'s words', () => {
  const both = { ...minimal, architectures: ['SCMP_ARCH_X86'], archMap: [{ architecture: 'SCMP_ARCH_X86_64' }] };
  expect(() => resolveProfile(both, target)).toThrow("'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'");
  const named = { ...minimal, syscalls: [{ name: 'read', names: ['write'], action }] };
  expect(() => resolveProfile(named, target)).toThrow("'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'");
});

test.each(['', '[]', 'null', '"x"', '{"syscalls":{}}', '{"defaultAction":1}', '{"syscalls":[{"names":[1]}]}', '{"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":-1}]}]}'])(
  'not a profile: %s',
  (text) => expect(() => parseProfile(text)).toThrow('Decoding seccomp profile failed: '),
);

test('null is a missing field, and unknown fields are left alone', () => {
  const text = '{"defaultAction":"SCMP_ACT_ALLOW","archMap":null,"syscalls":[{"names":["read"],"action":"SCMP_ACT_LOG","args":null,"comment":"","includes":{},"excludes":{"caps":null}}]}';
  expect(resolveProfile(parseProfile(text), target)?.syscalls).toEqual([{ names: ['read'], action: 'SCMP_ACT_LOG' }]);
});
