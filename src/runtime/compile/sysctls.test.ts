import { expect, test } from 'bun:test';
import { CaissonError } from '../../errors.ts';
import { compileContainer } from '../compile.ts';
import { input, only } from './testing.ts';

test.each([
  ['vm.swappiness', 'sysctl "vm.swappiness" is not in a separate kernel namespace'],
  ['kernel.hostname', 'sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field'],
  ['kernel/core_pattern', 'sysctl "kernel.core_pattern" is not in a separate kernel namespace'],
  ['net.../../../etc/passwd', 'is not a name'],
  ['net/../kernel/core_pattern', 'is not a name'],
])('sysctl %s is refused: it would change the host', (name, text) => {
  expect(() => compileContainer(input({ sysctl: { [name]: '1' } }))).toThrow(text);
  expect(() => compileContainer(input({ sysctl: { [name]: '1' } }))).toThrow(CaissonError);
});

test('a net sysctl is refused without a network namespace, an ipc one without an ipc namespace', () => {
  const namespaces = [{ type: 'mount' as const }];
  expect(() => compileContainer(input({ namespaces, sysctl: { 'net.core.somaxconn': '1' } }))).toThrow(
    'sysctl "net.core.somaxconn" not allowed in host network namespace',
  );
  expect(() => compileContainer(input({ namespaces, sysctl: { 'kernel.shmmax': '1' } }))).toThrow(
    'sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace',
  );
});

test('names with dots in sysctls, in both notations', () => {
  for (const name of ['net.ipv4.conf.eth0/1.forwarding', 'net/ipv4/conf/eth0.1/forwarding']) {
    expect(only(compileContainer(input({ sysctl: { [name]: '1' } })).init, 'writeFile')[0]?.path).toBe(
      '/proc/sys/net/ipv4/conf/eth0.1/forwarding',
    );
  }
});
