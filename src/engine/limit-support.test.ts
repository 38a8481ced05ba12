import { expect, test } from 'bun:test';
import { limitSupport } from './limit-support.ts';
import { ableHost, unableHost } from './spec/testing.ts';

const warnings = (support: object) => ((support as { Warnings: string[] | null }).Warnings ?? []).filter((text) => !text.includes('IPv4'));

test('a host that can do everything has nothing to warn of', () => {
  const support = limitSupport(ableHost.cgroup);
  expect(support).toMatchObject({ MemoryLimit: true, SwapLimit: true, CPUShares: true, PidsLimit: true });
  expect(support).not.toHaveProperty('KernelMemoryTCP');
  expect(warnings(support)).toEqual([]);
});

test('what is missing is said in the words of its version', () => {
  expect(warnings(limitSupport(unableHost.cgroup))).toEqual([
    'WARNING: No memory limit support', 'WARNING: No swap limit support', 'WARNING: No kernel memory TCP limit support',
    'WARNING: No oom kill disable support', 'WARNING: No cpu cfs quota support', 'WARNING: No cpu cfs period support',
    'WARNING: No cpu shares support', 'WARNING: No cpuset support', 'WARNING: No blkio throttle.read_bps_device support',
    'WARNING: No blkio throttle.write_bps_device support', 'WARNING: No blkio throttle.read_iops_device support',
    'WARNING: No blkio throttle.write_iops_device support',
  ]);
  expect(warnings(limitSupport({ ...ableHost.cgroup, blkioWeight: false, blkioWeightDevice: false, blkioThrottle: false }))).toEqual([
    'WARNING: No io.weight support', 'WARNING: No io.weight (per device) support', 'WARNING: No io.max (rbps) support',
    'WARNING: No io.max (wbps) support', 'WARNING: No io.max (riops) support', 'WARNING: No io.max (wiops) support',
  ]);
});
