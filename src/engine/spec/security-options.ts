/** `--security-opt` (moby daemon/daemon_unix.go parseSecurityOpt). */
import { invalidParameter } from '../../errors.ts';

export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  /** Empty: the default profile; `unconfined`; `builtin`; else a profile's JSON text. */
  readonly seccomp: string;
  /** Cgroups are mounted read-write. */
  readonly writableCgroups: boolean;
  /**
   * `systempaths=unconfined`: nothing is masked or read-only. The docker command resolves it itself and sends empty
   * lists.
   */
  readonly systemPathsUnconfined: boolean;
  /** Recorded, without effect: no AppArmor or SELinux policy is loaded by this engine. */
  readonly apparmor: string;
}

/** Go's strconv.ParseBool. */
function parseBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text) ? false : undefined;
}

/** Throws invalid-parameter, in Docker's words. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let [noNewPrivileges, writableCgroups, systemPathsUnconfined] = [false, false, false];
  let [seccomp, apparmor] = ['', ''];
  for (const option of options) {
    if (option === 'no-new-privileges') {
      noNewPrivileges = true;
      continue;
    }
    if (option === 'disable') continue;
    if (option === 'writable-cgroups') {
      writableCgroups = true;
      continue;
    }
    // `:` is what the oldest clients wrote; a JSON profile is full of them, so `=` is looked for first.
    const separator = option.includes('=') ? option.indexOf('=') : option.indexOf(':');
    if (separator < 0) throw invalidParameter(`invalid --security-opt 1: ${JSON.stringify(option)}`);
    const value = option.slice(separator + 1);
    const refused = () => invalidParameter(`invalid --security-opt 2: ${JSON.stringify(option)}`);
    const flag = (): boolean => {
      const parsed = parseBool(value);
      if (parsed === undefined) throw refused();
      return parsed;
    };
    switch (option.slice(0, separator)) {
      case 'label':
        break;
      case 'apparmor':
        apparmor = value;
        break;
      case 'seccomp':
        seccomp = value;
        break;
      case 'no-new-privileges':
        noNewPrivileges = flag();
        break;
      case 'writable-cgroups':
        writableCgroups = flag();
        break;
      case 'systempaths':
        if (value !== 'unconfined') throw refused();
        systemPathsUnconfined = true;
        break;
      default:
        throw refused();
    }
  }
  return { noNewPrivileges, seccomp, writableCgroups, systemPathsUnconfined, apparmor };
}
