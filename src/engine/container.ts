/** One container: what is stored of it, and what this daemon holds while it lives. */
import type { Socket } from 'node:net';
import type { Attachment, Shim } from '../runtime/shim.ts';
import type { Digest } from '../storage/driver.ts';
import type { ContainerState } from './container-state.ts';
import type { Endpoint } from '../network/network.ts';
import type { PortBinding } from '../network/ports.ts';
import type { ContainerConfig, EndpointSettings, HostConfig } from './docker-types.ts';
import type { ContainerExec } from './container-exec.ts';
import type { Health } from './health/health.ts';
import type { LaunchSpec } from './launch-request.ts';
import { RootViews } from './files/root-views.ts';
import type { ResolvedMount } from './spec/mounts.ts';

/** What the database keeps, as JSON. */
export interface ContainerRecord {
  readonly id: string;
  /** Without the leading slash. */
  name: string;
  /** Somebody has chosen it. */
  isNamed?: true;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  /** The image's configuration merged with the request, as inspect shows it under `Config`. */
  readonly config: ContainerConfig;
  hostConfig: HostConfig;
  readonly imageId: Digest | '';
  readonly topLayer: Digest | null;
  /** The command that runs: entrypoint first. */
  readonly argv: readonly string[];
  /** What was asked of each network it is on, by the network's name; empty for the modes host, none and container. */
  networks: Record<string, EndpointSettings>;
  /** Its interfaces while it runs, the first being eth0. */
  endpoints: readonly Endpoint[];
  /** Other containers that it knows by names of its own on the default network. */
  links?: readonly ContainerLink[];
  /** The host's ports that lead to it while it runs. */
  ports: readonly PortBinding[];
  /** Resolved at create; inspect shows them without their details. */
  readonly mounts: readonly ResolvedMount[];
  restartCount: number;
  /** Of a container with a health check that has run. */
  health?: Health;
  /** A person stopped or signalled it: `unless-stopped` does not bring it back, not even when the daemon starts. */
  manuallyStopped: boolean;
  /** A step of a build runs in it: a daemon that finds it removes it, as the build has ended with the last one. */
  ofBuild?: true;
  /** A commit has frozen it, and is to thaw it. */
  pausedForCommit?: true;
  state: ContainerState;
}

/** `--link`: `name` is the other's at create, for when it is gone. */
export interface ContainerLink {
  readonly containerId: string;
  readonly name: string;
  readonly alias: string;
}

/** A client that attached before the container ran: its streams are connected by the launch. */
export interface PendingAttachment extends Attachment {
  /** Gets the stream, or null when the shim has the client, the start failed or the container went away. */
  readonly connect: (stream: Socket | null) => void;
}

/** Something that waits for a state change; see wait.ts. */
export interface Waiter {
  readonly condition: 'not-running' | 'next-exit' | 'removed';
  readonly settle: (result: { StatusCode: number; Error?: { Message: string } }) => void;
}

export class Container {
  readonly record: ContainerRecord;
  /** Present while the container has a process, or its mounts and cgroups are not released yet. */
  shim: Shim | undefined;
  /** Of the current run; built again from the record when it is missing. */
  spec: LaunchSpec | undefined;
  /** Set by the first `rm` that gets as far; a second one is refused. */
  removing = false;
  /** Cancels the delay of the restart policy. */
  cancelRestart: (() => void) | undefined;
  /** Ends its health checks; there while they run. */
  stopHealth: (() => void) | undefined;
  /** Its next exit is final, whatever its restart policy says. */
  exitOnNext = false;
  /** `docker restart` is between stop and start: `--rm` does not take effect. */
  restarting = false;
  /** Its shim has a name service. A daemon that has found the shim does not know. */
  hasNameService = false;
  /** Settles when mounts and cgroups of the current run are free. Never rejects. */
  released: Promise<void> = Promise.resolve();
  /** Settles when the exit of the current run has been recorded. */
  exitHandled: Promise<void> = Promise.resolve();
  readonly pendingAttachments = new Set<PendingAttachment>();
  /** Streams of attached clients whose output has not ended. */
  readonly outputs = new Set<Socket>();
  readonly waiters = new Set<Waiter>();
  /** Who writes to its root from outside: a new run waits for them. */
  readonly rootViews = new RootViews();
  /** `KEY=value` for its command alone, such as secrets of a build: neither written down nor shown. */
  commandEnvironment: readonly string[] = [];
  /** By exec id; kept until the container is removed, as `docker inspect` of an ended exec works. */
  readonly execs = new Map<string, ContainerExec>();
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(record: ContainerRecord) {
    this.record = record;
  }

  get id(): string {
    return this.record.id;
  }

  get state(): ContainerState {
    return this.record.state;
  }

  /** Runs `action` when every earlier one on this container has ended: start, stop, remove … never overlap. */
  exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(action, action);
    this.#waiting++;
    this.#queue = result.then(() => undefined, () => undefined).finally(() => this.#waiting--);
    return result;
  }

  /** Something is being done with it, or with its root from outside. */
  get isBusy(): boolean {
    return this.#waiting > 0 || this.rootViews.isOpen;
  }

  /** Counts an attached stream until its output has ended or its client has left. */
  addOutput(stream: Socket): void {
    const done = () => void this.outputs.delete(stream);
    if (stream.readableEnded || stream.destroyed) return;
    this.outputs.add(stream.once('end', done).once('close', done));
  }

  settleWaiters(conditions: readonly Waiter['condition'][], result: Parameters<Waiter['settle']>[0]): void {
    for (const waiter of this.waiters) {
      if (!conditions.includes(waiter.condition)) continue;
      this.waiters.delete(waiter);
      waiter.settle(result);
    }
  }

  /** Attributes of its events: labels, image, name. */
  eventAttributes(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { ...this.record.config.Labels, image: this.record.config.Image ?? '', name: this.record.name, ...extra };
  }
}
