import { expect, test } from 'bun:test';
import { hostFacts, parseOsRelease } from './host.ts';
import { checkPrerequisites, gatherPrerequisites, missingPrerequisites, type PrerequisiteFacts } from './prerequisites.ts';

const good: PrerequisiteFacts = {
  capabilities: 1n << 21n, kernelRelease: '5.12.0', cgroups: 'v2', status: 'Name:\tx\nSeccomp:\t0\n',
};

test('nothing is missing', () => {
  expect(missingPrerequisites(good)).toEqual([]);
  expect(missingPrerequisites({ ...good, kernelRelease: '6.1.0-13-amd64' })).toEqual([]);
});

test.each([
  ['sudo', { capabilities: 0n }],
  ['5.12 or newer', { kernelRelease: '5.11.22' }],
  ['The kernel is 4.19.0-6-amd64', { kernelRelease: '4.19.0-6-amd64' }],
  ['mount -t cgroup2', { cgroups: 'none' as const }],
  ['CONFIG_SECCOMP_FILTER', { status: 'Name:\tx\n' }],
] satisfies [string, Partial<PrerequisiteFacts>][])('%s: what is missing is one sentence', (words, change) => {
  const missing = missingPrerequisites({ ...good, ...change });
  expect(missing).toHaveLength(1);
  expect(missing[0]).toContain(words);
  expect(() => checkPrerequisites({ ...good, ...change })).toThrow(words);
});

test('facts of this host can be gathered', () => {
  expect(gatherPrerequisites().kernelRelease).toMatch(/^\d+\.\d+/);
  const facts = hostFacts();
  expect(facts.processors).toBeGreaterThan(0);
  expect(facts.memory).toBeGreaterThan(0);
  expect(facts.operatingSystem).not.toBe('');
});

test('os-release', () => {
  expect(parseOsRelease('# comment\nPRETTY_NAME="A \\"quoted\\" name"\nVERSION_ID=\'12\'\nID=debian\nEMPTY=\n')).toEqual({
    PRETTY_NAME: 'A "quoted" name', VERSION_ID: '12', ID: 'debian', EMPTY: '',
  });
});
