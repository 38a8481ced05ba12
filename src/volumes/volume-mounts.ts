/**
 * What volumes with options mount: for the first container that uses one, until the last one has ended; containers share it
 * meanwhile. A container's plan mounts it, so that a server that does not answer holds nobody but that container up.
 */
import { lookup } from 'node:dns/promises';
import { systemError } from '../errors.ts';
import { errno, errnoText } from '../linux/errno.ts';
import { mountFlag } from '../linux/mount-flags.ts';
import type { Operation } from '../runtime/plan/operations.ts';
import { LaunchError } from '../runtime/shim.ts';
import { type LocalMount, localMount, serverName, withServer } from './local-options.ts';
import type { Volume } from './local-volumes.ts';

/** What a start has to mount. To be settled when that has succeeded or failed: other containers wait for it. */
export interface Claim {
  readonly operations: readonly Operation[];
  settle(started: boolean): void;
}

interface State {
  readonly path: string;
  /** Ids of the containers that it is mounted for. */
  readonly users: Set<string>;
  /** One start or end at a time. */
  turn: Promise<void>;
  /** Of those that have it or wait for it. */
  turns: number;
}

export class VolumeMounts {
  readonly #states = new Map<string, State>();
  readonly #unmount: (path: string) => void;

  /** `unmount` must not fail when nothing is mounted. */
  constructor(unmount: (path: string) => void) {
    this.#unmount = unmount;
  }

  /** For a container that is to be started with these volumes. */
  async claim(container: string, volumes: readonly Volume[]): Promise<Claim> {
    const mounted = volumes.flatMap((volume) => {
      const mount = localMount(volume.Options);
      return mount === undefined ? [] : [{ volume, mount }];
    }).toSorted((a, b) => (a.volume.Name < b.volume.Name ? -1 : 1));
    const operations: Operation[] = [];
    const settles: ((started: boolean) => void)[] = [];
    const settle = (started: boolean) => settles.forEach((each) => each(started));
    try {
      for (const { volume, mount } of mounted) {
        const state = this.#stateOf(volume);
        const done = await takeTurn(state);
        settles.push((started) => {
          if (started) state.users.add(container);
          else if (state.users.size === 0) this.#unmount(state.path);
          done();
        });
        if (state.users.size === 0) operations.push(...mountOperations(await resolved(mount), state.path));
      }
    } catch (error) {
      settle(false);
      throw error;
    }
    return { operations, settle };
  }

  /** For a view of a container that does not run, in a mount namespace of its own: what nobody has mounted for all to see. */
  async forView(volumes: readonly Volume[]): Promise<Operation[]> {
    const operations: Operation[] = [];
    for (const volume of volumes) {
      const mount = localMount(volume.Options);
      if (mount !== undefined && !this.isUsed(volume.Name)) operations.push(...mountOperations(await resolved(mount), volume.Mountpoint));
    }
    return operations;
  }

  /** The container has run on since the last daemon. */
  adopt(container: string, volumes: readonly Volume[]): void {
    for (const volume of volumes) if (localMount(volume.Options) !== undefined) this.#stateOf(volume).users.add(container);
  }

  /** The container has ended. */
  release(container: string): void {
    for (const state of this.#states.values()) if (state.users.has(container)) void this.#leave(state, container);
  }

  /** A container has it, or one is being started or ended. */
  isUsed(name: string): boolean {
    const state = this.#states.get(name);
    return state !== undefined && (state.users.size > 0 || state.turns > 0);
  }

  /** Unmounts what the last daemon left, once every container that runs has been adopted. */
  sweep(volumes: readonly Volume[]): void {
    for (const volume of volumes) {
      if (localMount(volume.Options) !== undefined && (this.#states.get(volume.Name)?.users.size ?? 0) === 0) this.#unmount(volume.Mountpoint);
    }
  }

  async #leave(state: State, container: string): Promise<void> {
    const done = await takeTurn(state);
    if (state.users.delete(container) && state.users.size === 0) this.#unmount(state.path);
    done();
  }

  #stateOf({ Name, Mountpoint }: Volume): State {
    const state = this.#states.get(Name) ?? { path: Mountpoint, users: new Set(), turn: Promise.resolve(), turns: 0 };
    this.#states.set(Name, state);
    return state;
  }
}

/** Resolves with what ends the turn. */
async function takeTurn(state: State): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const before = state.turn;
  state.turn = promise;
  state.turns++;
  await before;
  return () => {
    state.turns--;
    resolve();
  };
}

async function resolved(mount: LocalMount): Promise<LocalMount> {
  const server = serverName(mount);
  if (server === undefined) return mount;
  try {
    return withServer(mount, (await lookup(server)).address);
  } catch (cause) {
    throw systemError(`error resolving passed in network volume address: lookup ${server}: no such host`, { object: server, cause });
  }
}

const reason = 'what the volume is';
const readOnlyBind = mountFlag.MS_BIND | mountFlag.MS_RDONLY;

/** A bind takes other flags only when it is mounted again (mount(2), MS_REMOUNT). */
function mountOperations({ device, type, flags, data }: LocalMount, target: string): Operation[] {
  const mount = { name: 'mount', reason, cwd: '', source: device, target, type, flags: BigInt(flags), data } as const;
  if ((flags & readOnlyBind) !== readOnlyBind) return [mount];
  return [mount, { ...mount, source: '', type: '', flags: BigInt(flags | mountFlag.MS_REMOUNT), data: '' }];
}

/** The failure of such a mount, or of a part of a volume that cannot be opened, in Docker's words; undefined for any other. */
export function volumeFailure(error: unknown): Error | undefined {
  if (!(error instanceof LaunchError)) return undefined;
  const { operation, failure } = error;
  if (operation?.name === 'mount' && operation.reason === reason) return mountFailure(operation, error);
  if (operation?.name !== 'openTreeBeneath') return undefined;
  const { directory, path } = operation;
  if (failure.errno === errno.EXDEV) return systemError(`path concatenation escapes the base directory, base: ${directory}, subpath: ${path}`, { cause: error });
  const whole = `${directory}/${path}`;
  return systemError(`cannot access path ${whole}: lstat ${whole}: ${errnoText(failure.errno)}`, { object: whole, cause: error });
}

function mountFailure({ source, target, flags, data }: Extract<Operation, { name: 'mount' }>, error: LaunchError): Error {
  const what = [`mount ${source}:${target}`, ...(flags === 0n ? [] : [`flags: 0x${flags.toString(16)}`]), ...(data === '' ? [] : [`data: ${data}`])].join(', ');
  return systemError(`error while mounting volume '${target}': failed to mount local volume: ${what}: ${errnoText(error.failure.errno)}`, {
    operation: 'mount volume', object: target, cause: error,
  });
}
