/**
 * A failed operation in the words that people know from Docker and runc. Clients look for some of them: the docker
 * command derives its own exit code (125, 126, 127) from the message of a failed start.
 */
import { type CaissonError, invalidParameter, systemError } from '../errors.ts';
import { errno, errnoText } from '../linux/errno.ts';
import type { Operation } from './plan/operations.ts';
import type { LaunchError } from './shim.ts';

/** What a failed start or exec leaves: the exit code to record, and the error for the client. */
export interface LaunchFailure {
  readonly exitCode: number;
  readonly error: CaissonError;
}

/** Docker's exit code for a start that failed for no reason of its own. */
const exitUnknown = 128;
const startPrefix =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ' +
  'unable to start container process: ';
const setPrefix = 'error during container init: error setting cgroup config for procHooks process: ';
const execPrefix = 'OCI runtime exec failed: exec failed: unable to start container process: ';

/** A container that did not start. `command` is its first argument. */
export function launchFailure(error: LaunchError, command: string): LaunchFailure {
  const { failure, operation } = error;
  const during = failure.section === 'init' ? 'error during container init: ' : '';
  if (operation?.name === 'mount' && operation.type === 'overlay') {
    return classify(`error creating overlay mount to ${operation.target}: ${errnoText(failure.errno)}`, error);
  }
  if (isWorkingDirectoryTaken(error)) {
    const { path } = operation as Extract<Operation, { name: 'mkdirIn' }>;
    return {
      exitCode: exitUnknown,
      error: systemError(`Cannot mkdir: ${path} is not a directory`, {
        operation: 'start container',
        object: path,
        cause: error,
      }),
    };
  }
  return classify(`${startPrefix}${during}${describeFailure(error, command)}: unknown`, error);
}

/** Limits that contradict themselves, which runc finds when it would set them. `error` says what is wrong. */
export function cgroupRefusal(error: CaissonError): CaissonError {
  return systemError(`${startPrefix}${setPrefix}${error.message}`, { operation: 'start container', cause: error });
}

/** The engine itself makes the working directory, before runc comes into play; Docker's sentence is its own. */
const isWorkingDirectoryTaken = ({ failure, operation }: LaunchError): boolean =>
  operation?.name === 'mkdirIn' && (failure.errno === errno.ENOTDIR || failure.errno === errno.EEXIST);

/** An exec that did not start. `command` is its first argument. */
export function execFailure(error: LaunchError, command: string): LaunchFailure {
  return classify(`${execPrefix}${describeFailure(error, command)}`, error);
}

/**
 * Docker's rules (moby daemon/errors.go): which texts mean that the person asked for something that cannot run. It
 * looks at nothing but the text, so that every cause of, say, `permission denied` is treated alike.
 */
function classify(message: string, cause: LaunchError): LaunchFailure {
  const facts = { operation: 'start container', object: cause.failure.object, cause };
  const text = message.toLowerCase();
  if (text.includes('permission denied')) return { exitCode: 126, error: invalidParameter(message, facts) };
  // The docker command knows 126 by the words "permission denied" alone.
  if (text.includes('is a directory'))
    return { exitCode: 126, error: invalidParameter(`${message}: permission denied`, facts) };
  if (text.includes('not a directory')) {
    const hint =
      'Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type';
    return { exitCode: 127, error: invalidParameter(`${message}: ${hint}`, facts) };
  }
  if (text.includes('executable file not found') || text.includes('no such file or directory')) {
    return { exitCode: 127, error: invalidParameter(message, facts) };
  }
  return { exitCode: exitUnknown, error: systemError(message, facts) };
}

/** runc's sentence for each operation that can fail for a reason of the user's. */
function describeFailure(error: LaunchError, command: string): string {
  const { failure, operation } = error;
  const why = errnoText(failure.errno);
  if (operation === undefined) return `${error.message}: ${why}`;
  switch (operation.name) {
    case 'execve':
      return executableFailure(command, failure.errno);
    case 'chdir':
      return `chdir to cwd (${quote(operation.path)}) set in config.json failed: ${why}`;
    case 'mkdirIn':
      return `mkdir ${operation.path}: ${why}`;
    case 'mountIn':
      return mountFailure(operation.source, operation.target, mountReason(operation, failure.errno));
    case 'openTree':
      return mountFailure(operation.path, failure.object, why);
    case 'maskPaths':
      return `can't mask path ${failure.object}: ${why}`;
    case 'readonlyPaths':
      return `can't make ${quote(failure.object)} read-only: ${why}`;
    case 'mknodIn':
      return `error creating device nodes: mknod ${operation.path}: ${why}`;
    case 'setrlimit':
      return `error setting rlimits for ready process: error setting rlimit type ${operation.resource}: ${why}`;
    case 'setuser':
      return `unable to setup user: ${why}`;
    case 'setCapabilities':
    case 'boundCapabilities':
      return `unable to apply caps: ${why}`;
    case 'seccomp':
      return `unable to init seccomp: error loading seccomp filter into kernel: ${why}`;
    case 'writeFile':
    case 'writeProcess':
      return writeFailure(operation, failure.errno);
    case 'mkdir':
      return `unable to apply cgroup configuration: mkdir ${operation.path}: ${why}`;
    case 'deviceFilter':
      return `error setting cgroup config for procHooks process: unable to attach the device filter: ${why}`;
    case 'setns':
      return `failed to join namespace ${operation.path}: ${why}`;
    default:
      return `${operation.name}${failure.object === '' ? '' : ` ${failure.object}`}: ${why}`;
  }
}

const quote = (text: string): string => JSON.stringify(text);

/**
 * A name without a slash was looked for in PATH; like the shells' and Go's search, what is found there but may not be
 * executed counts as not found.
 */
function executableFailure(command: string, number: number): string {
  const why = errnoText(number);
  const missing = number === errno.ENOENT || number === errno.ENOTDIR;
  if (!command.includes('/') && (missing || number === errno.EACCES))
    return `exec: ${quote(command)}: executable file not found in $PATH`;
  if (missing) return `exec: ${quote(command)}: stat ${command}: ${why}`;
  if (number === errno.EACCES || number === errno.EISDIR) return `exec: ${quote(command)}: ${why}`;
  return `exec ${command}: ${why}`;
}

/**
 * move_mount(2) says EINVAL where mount(2) says ENOTDIR: a file cannot cover a directory, nor a directory a file. EXDEV
 * is the helper's own word for what would cover /proc.
 */
function mountReason({ type, source, target }: Extract<Operation, { name: 'mountIn' }>, number: number): string {
  if (number === errno.EXDEV && target === '/proc')
    return `${quote(source)} cannot be mounted to ${quote(target)} because it is not of type proc`;
  if (number === errno.EXDEV) return `${quote(target)} cannot be mounted because it is inside /proc`;
  return errnoText((type === 'bind' || type === 'slot') && number === errno.EINVAL ? errno.ENOTDIR : number);
}

const mountFailure = (source: string, target: string, why: string): string =>
  `error mounting ${quote(source)} to rootfs at ${quote(target)}: mount src=${source}, dst=${target}: ${why}`;

function writeFailure(operation: Extract<Operation, { name: 'writeFile' | 'writeProcess' }>, number: number): string {
  const why = errnoText(number);
  const path = operation.name === 'writeFile' ? operation.path : `/proc/self/${operation.file}`;
  if (path.endsWith('/oom_score_adj') && number === errno.EACCES) {
    // Not in the kernel's words: the docker command takes them for a program that may not be executed.
    return `can't set oom_score_adj to ${operation.data.trim()}: lowering it needs CAP_SYS_RESOURCE`;
  }
  if (path.startsWith('/proc/sys/'))
    return `${number === errno.ENOENT || number === errno.EACCES ? 'open' : 'write'} ${path}: ${why}`;
  const failed = `failed to write ${quote(operation.data.trim())}: write ${path}: ${why}`;
  // Those that a process needs before it can join come first.
  if (/\/(cpuset\.|cpu\.rt_)[^/]*$/.test(path)) return `unable to apply cgroup configuration: ${failed}`;
  return operation.name === 'writeFile' && !path.startsWith('/proc/') ? `${setPrefix}${failed}` : failed;
}
