/** The encoders of rtnetlink against the kernel; those of nf_tables are in packet-filter.test.ts, that of queues in network-rate.test.ts. */
import { expect } from 'bun:test';
import path from 'node:path';
import { run } from '../support/command.ts';
import { bun, checkout } from '../support/paths.ts';
import { requires } from '../support/requirements.ts';

const rounds = 15;

requires('root')('the kernel tells back what it was told of interfaces, addresses and routes, whatever that is', async () => {
  for (const seed of [1, 4711]) {
    const program = path.join(checkout, 'test/support/netlink-echo.ts');
    const { code, stdout, stderr } = await run(['unshare', '--net', '--', bun, program, String(seed), String(rounds)]);
    expect({ seed, code, stderr }).toEqual({ seed, code: 0, stderr: '' });
    expect({ seed, differences: JSON.parse(stdout) as unknown }).toEqual({ seed, differences: [] });
  }
});
