/** The last steps before a program runs: giving up every privilege it is not meant to have. */
import type { OciProcess } from '../oci.ts';
import type { Operation } from '../plan/operations.ts';
import { capabilityMask } from '../../linux/capabilities.ts';
import { rlimitNumber, rlimitValue } from '../../linux/rlimits.ts';
import { invalidParameter } from '../../errors.ts';
import { executableCandidates } from './executable.ts';
import { op } from './op.ts';

/** Resource limits, set while the process may still raise them. */
export function compileRlimits(process: OciProcess): Operation[] {
  return (process.rlimits ?? []).map(({ type, soft, hard }) => {
    const resource = rlimitNumber(type);
    if (resource === undefined) throw invalidParameter(`invalid rlimit type: ${type}`);
    return op('setrlimit', 'as asked with --ulimit', { resource, soft: rlimitValue(soft), hard: rlimitValue(hard) });
  });
}

const maskOf = (names: readonly string[] | undefined): bigint => capabilityMask(names ?? []);

/**
 * From umask to execve. Installing a seccomp filter needs CAP_SYS_ADMIN unless no_new_privs is set; without it the
 * filter must come while that capability is still there, with it it comes last, so that it need not allow our own
 * system calls.
 *
 * The working directory is entered before the user changes: Docker allows one that only root may enter.
 */
export function compilePrivileges(process: OciProcess, seccompProgram: Uint8Array | null): Operation[] {
  const { user, capabilities } = process;
  const noNewPrivileges = process.noNewPrivileges === true;
  const filter =
    seccompProgram === null
      ? []
      : [op('seccomp', 'only system calls that containers need', { program: seccompProgram, flags: 0 })];
  return [
    op('umask', 'what programs expect to begin with', { mask: user.umask ?? 0o022 }),
    ...(noNewPrivileges ? [op('noNewPrivileges', 'no program it runs may gain privileges', {})] : filter),
    op('boundCapabilities', 'no program it runs may regain a dropped capability', {
      keep: maskOf(capabilities?.bounding),
    }),
    op('chdir', 'its working directory', { path: process.cwd }),
    op('setuser', 'runs as the user asked for', {
      uid: user.uid,
      gid: user.gid,
      groups: user.additionalGids ?? [],
      setgroups: 1,
    }),
    op('setCapabilities', 'the capabilities it is meant to have, and no others', {
      effective: maskOf(capabilities?.effective),
      permitted: maskOf(capabilities?.permitted),
      inheritable: maskOf(capabilities?.inheritable),
      ambient: maskOf(capabilities?.ambient),
    }),
    ...(noNewPrivileges ? filter : []),
    op('execve', 'the program itself', {
      candidates: executableCandidates(process.args[0] ?? '', process.env),
      argv: process.args,
      envp: process.env,
    }),
  ];
}
