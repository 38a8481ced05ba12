/** One `docker exec`: created, running, ended. */
import { randomBytes } from 'node:crypto';
import type { ExecProcess } from '../runtime/shim.ts';
import type { ExecConfig } from './docker-types.ts';

export type ExecState =
  | { readonly status: 'created' }
  /** Between the request and the process: a second start is refused already. */
  | { readonly status: 'starting' }
  | { readonly status: 'running'; readonly process: ExecProcess }
  /** `pid` is 0 when the process never came to be. */
  | { readonly status: 'exited'; readonly exitCode: number; readonly pid: number };

export class ContainerExec {
  readonly id = randomBytes(32).toString('hex');
  readonly containerId: string;
  readonly config: ExecConfig;
  /** Parsed from `ExecConfig.DetachKeys`. */
  readonly detachKeys: Uint8Array;
  state: ExecState = { status: 'created' };

  constructor(containerId: string, config: ExecConfig, detachKeys: Uint8Array) {
    this.containerId = containerId;
    this.config = config;
    this.detachKeys = detachKeys;
  }

  /** `GET /exec/{id}/json`. */
  inspect(): object {
    const { config, state } = this;
    const [entrypoint = '', ...args] = config.Cmd ?? [];
    return {
      ID: this.id,
      Running: state.status === 'running',
      ExitCode: state.status === 'exited' ? state.exitCode : null,
      ProcessConfig: {
        tty: config.Tty ?? false,
        entrypoint,
        arguments: args,
        privileged: config.Privileged ?? false,
        ...(config.User ? { user: config.User } : {}),
      },
      OpenStdin: config.AttachStdin ?? false,
      OpenStderr: config.AttachStderr ?? false,
      OpenStdout: config.AttachStdout ?? false,
      CanRemove: false,
      ContainerID: this.containerId,
      DetachKeys: config.DetachKeys ? Buffer.from(this.detachKeys).toString('base64') : '',
      Pid: state.status === 'running' ? state.process.pid : state.status === 'exited' ? state.pid : 0,
    };
  }
}
