/** Kernel parameters of a container: only those that belong to one of its own namespaces. */
import { systemError } from '../../errors.ts';
import type { OciConfig } from '../oci.ts';
import type { Operation } from '../plan/operations.ts';
import type { Namespaces } from './namespaces.ts';
import { op } from './op.ts';

const ipcSysctls = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

/**
 * Writes each sysctl. A namespaced one follows the task that opens it, so the host's /proc/sys is the right file, and
 * one that no image can have put something else in place of. Throws, in runc's words, for any that would change the
 * host.
 */
export function compileSysctls(config: OciConfig, namespaces: Namespaces): Operation[] {
  return Object.entries(config.linux.sysctl ?? {}).map(([given, data]) => {
    const name = dotted(given);
    const problem = refusal(name, namespaces);
    if (problem !== undefined)
      throw systemError(
        `failed to create task for container: failed to create shim task: OCI runtime create failed: ${problem}: unknown`,
      );
    return op('writeFile', `sysctl ${name}, as asked`, { path: `/proc/sys/${pathOf(name)}`, data, create: 0, mode: 0 });
  });
}

function refusal(name: string, { ipc, network, uts }: Namespaces): string | undefined {
  const quoted = JSON.stringify(name);
  if (
    pathOf(name)
      .split('/')
      .some((part) => part === '' || part === '.' || part === '..')
  )
    return `sysctl ${quoted} is not a name`;
  if (ipcSysctls.has(name) || name.startsWith('fs.mqueue.')) {
    return ipc.kind === 'host' ? `sysctl ${quoted} is not allowed in the hosts ipc namespace` : undefined;
  }
  if (name.startsWith('net.'))
    return network.kind === 'host' ? `sysctl ${quoted} not allowed in host network namespace` : undefined;
  if (uts.kind !== 'host') {
    if (name === 'kernel.domainname') return undefined;
    if (name === 'kernel.hostname')
      return `sysctl ${quoted} is not allowed as it conflicts with the OCI "hostname" field`;
  }
  return `sysctl ${quoted} is not in a separate kernel namespace`;
}

const swapSeparators = (text: string): string => text.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.'));

/** As sysctl(8): the first separator decides whether dots or slashes separate (`net/ipv4/conf/eth0.1/forwarding`). */
function dotted(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  return first === '/' ? swapSeparators(name) : name;
}

/** A slash in the dotted form stands for a dot in a name, as in `net.ipv4.conf.eth0/1.forwarding`. */
const pathOf = (name: string): string => swapSeparators(name);
