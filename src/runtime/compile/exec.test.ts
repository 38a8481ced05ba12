import { expect, test } from 'bun:test';
import { cloneFlag } from '../../linux/clone-flags.ts';
import { compileExec } from '../compile.ts';
import { id, cgroup, process, base, filter, names, first, remapped, withUser } from './testing.ts';

test('exec: one fork, every namespace of the container, its cgroups, then the same privileges', () => {
  const plan = compileExec({ id, config: base, process, cgroup, seccompProgram: filter });
  expect(plan.prepare).toMatchObject([{ name: 'enter', flags: BigInt(cloneFlag.CLONE_NEWPID) }]);
  expect(plan.clone.flags).toBe(0n);
  expect(names(plan.init)).toEqual([
    'joinCgroup',
    'joinCgroup',
    'enter',
    'sessionKeyring',
    'setsid',
    'stdio',
    'umask',
    'seccomp',
    'boundCapabilities',
    'chdir',
    'setuser',
    'setCapabilities',
    'execve',
  ]);
  const { flags } = first(plan.init, 'enter');
  expect(flags).toBe(
    BigInt(
      cloneFlag.CLONE_NEWNS |
        cloneFlag.CLONE_NEWNET |
        cloneFlag.CLONE_NEWIPC |
        cloneFlag.CLONE_NEWUTS |
        cloneFlag.CLONE_NEWCGROUP,
    ),
  );
  expect(plan.release).toEqual([]);
});

test('exec with a terminal gets no console of its own; in a user namespace it becomes its root first', () => {
  const config = { ...base, linux: { ...base.linux, namespaces: withUser, ...remapped } };
  const { init } = compileExec({ id, config, process: { ...process, terminal: true }, cgroup, seccompProgram: null });
  expect(first(init, 'terminal').console).toBe(0);
  const order = names(init);
  expect(order.slice(order.indexOf('enter'), order.indexOf('enter') + 2)).toEqual(['enter', 'setuser']);
  expect(first(init, 'enter').flags & BigInt(cloneFlag.CLONE_NEWUSER)).not.toBe(0n);
});

test("exec into a container of the host's pid namespace enters none", () => {
  const config = { ...base, linux: { ...base.linux, namespaces: [{ type: 'mount' as const }] } };
  expect(compileExec({ id, config, process, cgroup, seccompProgram: null }).prepare).toEqual([]);
});
