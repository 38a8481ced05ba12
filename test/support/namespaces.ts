/**
 * Network and mount namespaces for an engine under test, held by a small process: the engine can be killed and started again
 * in the same ones, nothing it does shows on the machine, and what it leaves behind can be looked at from outside.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { busybox } from './paths.ts';

export interface Namespaces {
  /** The holder's pid: `/proc/<pid>/mountinfo`, `/proc/<pid>/root`, `/proc/<pid>/net/dev`. */
  readonly pid: number;
  /** The argument vector that runs `argv` inside; the process ends with the one that started it. */
  enter(argv: readonly string[]): string[];
  end(): Promise<void>;
}

/** Makes the namespaces, with the loopback interface up; `prepare` is shell run inside first. */
export async function makeNamespaces(prepare = ':'): Promise<Namespaces> {
  const script = `set -e; "$0" ip link set lo up; echo 1 >/proc/sys/net/ipv4/ip_forward; ${prepare}\necho ready; exec "$0" cat >/dev/null`;
  const argv = ['--net', '--mount', '--', busybox, 'sh', '-c', script, busybox];
  const holder: ChildProcess = spawn('unshare', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(holder, 'exit');
  const failed = exited.then(([code]) => Promise.reject(new Error(`namespaces could not be made: status ${code}`)));
  failed.catch(() => undefined);
  if (holder.stdout === null || holder.stdin === null) throw new Error('the holder has no pipes');
  await Promise.race([once(holder.stdout, 'data'), failed]);
  const { stdin } = holder;
  const pid = holder.pid as number;
  return {
    pid,
    enter: (command) => ['nsenter', '--target', String(pid), '--net', '--mount', '--', 'setpriv', '--pdeathsig', 'TERM', '--', ...command],
    end: async () => {
      stdin.end();
      await exited;
    },
  };
}
