import { expect, test } from 'bun:test';
import { interfaceSysctls, sysctlFaults, sysctlLabel } from './endpoint-options.ts';

const options = (sysctls: string) => ({ [sysctlLabel]: sysctls });
const paths = (sysctls: string, name = 'eth0') => interfaceSysctls(options(sysctls), name, 'veth1');

test('settings are those of the interface, whatever its name', () => {
  const asked = 'net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.ifname.accept_ra=0,net.mpls.conf.IFNAME.input=1';
  expect(sysctlFaults(options(asked))).toEqual([]);
  expect(paths(asked, 'eth0.5')).toEqual([
    { path: '/proc/sys/net/ipv4/conf/eth0.5/log_martians', value: '1' }, { path: '/proc/sys/net/ipv6/conf/eth0.5/accept_ra', value: '0' },
    { path: '/proc/sys/net/mpls/conf/eth0.5/input', value: '1' },
  ]);
  expect(() => paths('net.ipv4.conf.IFNAME.log_martians')).toThrow("expected sysctl 'net.ipv4.conf.IFNAME.log_martians' to have format name=value");
});

const elsewhere = [
  '\0core_pattern=|/x net.ipv4.conf.IFNAME.x', 'kernel.core_pattern=net.ipv4.conf.IFNAME.x', 'x.net.ipv4.conf.IFNAME.y=1', 'net.ipv4.conf.IFNAME.\0x=1',
  'net.ipv4.conf.IFNAME./../../x=1', 'net.core.conf.IFNAME.x=1', 'net.ipv4.conf.eth0.x=1', 'net.ipv4.conf.IFNAME.=1', '',
];

test.each(elsewhere)('what may lead elsewhere is refused: %j', (asked) => {
  expect(sysctlFaults(options(asked))).toHaveLength(1);
  if (asked.includes('=')) expect(() => paths(asked, 'kernel')).toThrow('unrecognised network interface sysctl');
});
