/** The namespaces that a HostConfig asks for. */
import { invalidParameter } from '../../errors.ts';
import { namespacePath } from '../../linux/namespaces.ts';
import type { OciLinux, OciNamespaceType } from '../../runtime/oci.ts';
import type { ContainerConfig, HostConfig } from '../docker-types.ts';
import { parseGoDuration, secondsAndNanoseconds } from './go-duration.ts';
import { parseMode } from './modes.ts';

/** First processes of the containers whose namespaces are joined (`container:ID`), in the host's pid namespace. */
export interface JoinedProcesses {
  readonly pid?: number;
  readonly network?: number;
  readonly ipc?: number;
}

type Namespace = OciLinux['namespaces'][number];

/** `remapped`: the container gets a user namespace. A type that is left out is the host's. */
export function namespacesFor(
  config: ContainerConfig,
  hostConfig: HostConfig,
  joined: JoinedProcesses,
  remapped: boolean,
): Namespace[] {
  const result: Namespace[] = [{ type: 'mount' }];
  const add = (type: OciNamespaceType, mode: string | undefined, process: number | undefined) => {
    const { kind } = parseMode(mode);
    if (kind === 'host') return;
    if (kind !== 'container') result.push({ type });
    else if (process === undefined)
      throw invalidParameter(`cannot join the ${type} namespace of a container that is not running`);
    else result.push({ type, path: namespacePath(process, type) });
  };
  add('network', config.NetworkDisabled === true ? 'none' : hostConfig.NetworkMode, joined.network);
  add('ipc', hostConfig.IpcMode, joined.ipc);
  add('pid', hostConfig.PidMode, joined.pid);
  add('uts', hostConfig.UTSMode, undefined);
  add('cgroup', hostConfig.CgroupnsMode, undefined);
  if (timeOffsetsOf(hostConfig) !== undefined) result.push({ type: 'time' });
  if (remapped) {
    // Whoever joins a pid namespace must share its user namespace too, or could not mount its /proc.
    const { kind } = parseMode(hostConfig.PidMode);
    result.push(
      kind === 'container' && joined.pid !== undefined
        ? { type: 'user', path: namespacePath(joined.pid, 'user') }
        : { type: 'user' },
    );
  }
  return result;
}

/** `TimeOffsets`, checked. Throws invalid-parameter for an unknown clock or a value that is no duration. */
export function timeOffsetsOf(hostConfig: HostConfig): OciLinux['timeOffsets'] | undefined {
  const given = Object.entries(hostConfig.TimeOffsets ?? {});
  if (given.length === 0) return undefined;
  const offsets = { monotonic: { secs: 0, nanosecs: 0 }, boottime: { secs: 0, nanosecs: 0 } };
  for (const [clock, text] of given) {
    if (clock !== 'monotonic' && clock !== 'boottime') {
      throw invalidParameter(`invalid time offset: ${JSON.stringify(clock)} is not a clock; use monotonic or boottime`);
    }
    const nanoseconds = parseGoDuration(text);
    if (nanoseconds === undefined) {
      throw invalidParameter(`invalid time offset: ${JSON.stringify(text)} is not a duration such as +1d, -36h or 90s`);
    }
    offsets[clock] = secondsAndNanoseconds(nanoseconds);
  }
  return offsets;
}
