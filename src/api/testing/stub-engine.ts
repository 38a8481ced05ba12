/**
 * An engine of one container that echoes, for tests of the API alone. Tests pass it in by name; nothing else may import
 * it.
 * What a test does not override answers as little as its type allows.
 */
import type { Duplex } from 'node:stream';
import type {
  ContainerService, Engine, ImageEndpoints, StreamSession, SystemService, VolumeService,
} from '../../engine/engine.ts';
import type { ImageService } from '../../images/service.ts';
import { notFound, notImplemented } from '../../errors.ts';

export const containerId = 'c0ffee'.repeat(10) + 'c0ff';

export interface Overrides {
  readonly containers?: Partial<ContainerService>;
  readonly images?: Partial<ImageEndpoints>;
  readonly service?: Partial<ImageService>;
  readonly system?: Partial<SystemService>;
  readonly volumes?: Partial<VolumeService>;
}

const unknown = (): never => {
  throw notImplemented('not part of this test');
};

/** A session that sends back what it gets, as Docker's stdout frames unless `tty`, and ends when its client has. */
export function echoSession(tty: boolean): StreamSession {
  return {
    tty,
    run: (client: Duplex) =>
      new Promise((resolve) => {
        client.on('data', (data: Buffer) => client.write(tty ? data : stdoutFrame(data)));
        client.on('end', () => {
          client.end();
          resolve();
        });
      }),
  };
}

/** Docker's multiplexing: stream number, three zeros, the length in big endian, the bytes. */
export function stdoutFrame(data: Uint8Array): Buffer {
  const head = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(data.length, 4);
  return Buffer.concat([head, data]);
}

export function stubEngine(overrides: Overrides = {}): Engine {
  return {
    containers: { ...stubContainers(), ...overrides.containers },
    builds: { build: unknown, buildkit: unknown, usage: () => [], prune: async () => ({ CachesDeleted: null, SpaceReclaimed: 0 }) },
    images: { ...stubImages(overrides.service ?? {}), ...overrides.images },
    system: {
      version: () => ({ Version: '0.1.0', ApiVersion: '1.51', MinAPIVersion: '1.24', Os: 'linux', Arch: 'amd64' }),
      info: async () => ({ ID: 'stub', Name: 'stub', SecurityOptions: ['name=seccomp,profile=builtin'] }),
      events: async () => (async function* () {})(),
      check: async () => ({ Checked: { Images: 0, Layers: 0, Containers: 0, Volumes: 0 }, Findings: [] }),
      diskUsage: async () => ({ LayersSize: 0, Images: [], Containers: [], Volumes: [], BuildCache: [] }),
      ...overrides.system,
    },
    networks: {
      list: async () => ['bridge', 'host', 'none'].map((Name) => ({ Name })),
      inspect: async (ref) => {
        throw notFound(`network ${ref} not found`);
      },
      create: unknown,
      remove: unknown,
      prune: async () => ({ NetworksDeleted: null }),
    },
    volumes: {
      list: async () => ({ Volumes: [], Warnings: null }),
      inspect: unknown,
      create: unknown,
      clone: unknown,
      remove: unknown,
      prune: async () => ({ VolumesDeleted: [], SpaceReclaimed: 0 }),
      ...overrides.volumes,
    },
  };
}

function known(ref: string): void {
  if (!containerId.startsWith(ref) && ref !== 'echo') throw notFound(`No such container: ${ref}`);
}

const known204 = async (ref: string): Promise<void> => known(ref);

function stubContainers(): ContainerService {
  const exit = Promise.withResolvers<{ StatusCode: number }>();
  return {
    create: async () => ({ Id: containerId, Warnings: [] }),
    start: known204,
    stop: known204,
    restart: known204,
    kill: known204,
    pause: known204,
    unpause: known204,
    connect: known204,
    disconnect: known204,
    rename: known204,
    update: async () => ({ Warnings: [] }),
    remove: known204,
    wait: async (ref) => {
      known(ref);
      return { result: exit.promise };
    },
    resize: known204,
    inspect: async (ref) => {
      known(ref);
      const state = { Status: 'running', Running: true };
      return { Id: containerId, Name: '/echo', State: state, Config: { Tty: false }, HostConfig: {} };
    },
    list: async () => [{ Id: containerId, Names: ['/echo'], Image: 'stub', State: 'running', Ports: [] }],
    attach: async (ref) => {
      known(ref);
      const echo = echoSession(false);
      return { tty: false, run: (...client) => echo.run(...client).then(() => exit.resolve({ StatusCode: 7 })) };
    },
    logs: async (ref) => {
      known(ref);
      return { tty: false, frames: (async function* () { yield stdoutFrame(Buffer.from('a line\n')); })() };
    },
    stats: () => (async function* () {})(),
    top: async () => ({ Titles: ['PID'], Processes: [['1']] }),
    stat: async () => unknown(),
    readArchive: async () => unknown(),
    writeArchive: async () => unknown(),
    export: async () => unknown(),
    changes: async () => unknown(),
    explainPorts: async () => unknown(),
    prune: async () => ({ ContainersDeleted: [], SpaceReclaimed: 0 }),
    execCreate: async () => ({ Id: 'e0' }),
    execStart: async (_id, { detach, tty }) => (detach ? null : echoSession(tty)),
    execResize: async () => undefined,
    execInspect: async () => ({ ID: 'e0', Running: false, ExitCode: 3, ContainerID: containerId }),
  };
}

function stubImages(service: Partial<ImageService>): ImageEndpoints {
  return {
    service: {
      registries: { login: unknown, search: unknown, describe: unknown },
      get: unknown, has: () => false, list: () => [], children: () => [], load: unknown, save: unknown, import: unknown, commit: unknown,
      pull: unknown, push: unknown, add: unknown, hold: unknown, free: unknown, tag: () => undefined, remove: unknown,
      check: () => [], verify: async () => [],
      ...service,
    },
    list: async () => [{ Id: `sha256:${'ab'.repeat(32)}`, RepoTags: ['stub:latest'], RepoDigests: [], Size: 1234 }],
    inspect: async (name) => {
      throw notFound(`No such image: ${name}`);
    },
    history: unknown,
    remove: unknown,
    prune: unknown,
    commit: unknown,
  };
}
