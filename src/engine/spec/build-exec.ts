/** The process of a `docker exec` (moby daemon/exec_linux.go). */
import type { OciConfig, OciProcess } from '../../runtime/oci.ts';
import type { ContainerConfig, ExecConfig, HostConfig } from '../docker-types.ts';
import { capabilitySets } from './build.ts';
import type { HostFacts } from './host.ts';
import { environmentOf, overrideEnvironment, withHome } from './process.ts';
import { resolveUser, type UserFiles } from './user.ts';

export interface ExecInput {
  readonly exec: ExecConfig;
  /** Of the start request; replaces the one of the exec. */
  readonly consoleSize?: readonly [height: number, width: number];
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** The running container's, for its capabilities and limits. */
  readonly container: OciConfig;
  readonly userFiles: UserFiles;
  readonly host: HostFacts;
}

/** Everything not asked for is the container's: user, directory, environment, capabilities, limits. */
export function buildExecProcess(input: ExecInput): OciProcess {
  const { exec, config, hostConfig, container } = input;
  const tty = exec.Tty === true;
  const user = resolveUser(exec.User || config.User || '', hostConfig.GroupAdd ?? [], input.userFiles);
  const [height, width] = input.consoleSize ?? exec.ConsoleSize ?? [0, 0];
  const env = overrideEnvironment(
    environmentOf({ hostname: config.Hostname ?? '', tty, env: config.Env ?? [] }),
    exec.Env ?? [],
  );
  const { capabilities, rlimits, noNewPrivileges, oomScoreAdj } = container.process;
  return {
    terminal: tty,
    ...(tty && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: exec.Cmd ?? [],
    env: withHome(env, user.home),
    cwd: exec.WorkingDir || config.WorkingDir || '/',
    capabilities:
      exec.Privileged === true ? capabilitySets(input.host.capabilities) : (capabilities ?? capabilitySets([])),
    ...(rlimits === undefined ? {} : { rlimits }),
    ...(noNewPrivileges === undefined ? {} : { noNewPrivileges }),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
  };
}
