/**
 * The engine as the API sees it. Methods take what HTTP brought and return Docker's JSON shapes; failures are CaissonErrors
 * with Docker's texts. `ref` is always a name, an id, or a unique id prefix.
 */
import type { Duplex } from 'node:stream';
import type { BuildkitService } from '../build/buildkit/service.ts';
import type { ClassicBuildRequest, Send } from '../build/classic/build.ts';
import type { Platform } from '../images/platform.ts';
import type { ImageService, RemoveOptions } from '../images/service.ts';
import type { ContainerConfig, CreateRequest, EndpointSettings, ExecConfig, HostConfig } from './docker-types.ts';
import type { ExtractRequest, FilesystemChange, PathArchive } from './files/archive.ts';
import type { PathStat } from './files/path-stat.ts';

/** `{"label": ["a=b"], "status": ["running"]}`, parsed from the query parameter `filters` (both its forms). */
export type Filters = Readonly<Record<string, readonly string[]>>;

export interface AttachRequest {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Replay the log first. */
  readonly logs: boolean;
  /** Go on with live output. */
  readonly stream: boolean;
  /** Empty: the default `ctrl-p,ctrl-q`. */
  readonly detachKeys: string;
}

/** A stream that is agreed on (errors have been thrown already) but not connected: the API answers 101 or 200 first. */
export interface StreamSession {
  /** True: raw bytes (`application/vnd.docker.raw-stream`); false: frames (`…multiplexed-stream`). */
  readonly tty: boolean;
  /**
   * Copies both ways until the process's output ends, the client leaves or detaches; ends `client` then. `takeDescriptor` takes the
   * connection out of this process instead: `client` is dead afterwards. It gives undefined when that cannot be.
   */
  run(client: Duplex, takeDescriptor: () => number | undefined): Promise<void>;
}

export interface LogsRequest {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly details: boolean;
  /** `all` or a number; the last lines. */
  readonly tail: string;
  /** Seconds since the epoch with a fraction (`1700000000.5`), RFC 3339, or empty. */
  readonly since: string;
  readonly until: string;
  /** Aborted when the client leaves: ends `follow`. */
  readonly signal?: AbortSignal;
}

export interface StatsRequest {
  /** An answer every second. */
  readonly stream: boolean;
  /** One answer at once, without `precpu_stats`. Not together with `stream`. */
  readonly oneShot: boolean;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
}

export interface EventMessage {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly scope: 'local';
  readonly time: number;
  readonly timeNano: number;
  readonly status?: string;
  readonly id?: string;
  readonly from?: string;
}

/** What a request to create a container says beside its body. */
export interface CreateOptions {
  /** Empty for the image's. */
  readonly platform: string;
  /** Read-only `Binds` are so at their top alone: all that an API before 1.44 could mean. */
  readonly plainReadOnlyBinds: boolean;
}

export interface ContainerService {
  create(name: string | undefined, request: CreateRequest, options: CreateOptions): Promise<{ Id: string; Warnings: string[] }>;
  /** Throws not-modified when it is running already. */
  start(ref: string): Promise<void>;
  /** `timeout` in seconds: undefined the container's own, -1 for ever. Throws not-modified when it is not running. */
  stop(ref: string, options: { timeout?: number; signal?: string }): Promise<void>;
  restart(ref: string, options: { timeout?: number; signal?: string }): Promise<void>;
  kill(ref: string, signal: string): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  rename(ref: string, name: string): Promise<void>;
  /** Changes limits and the restart policy; `Warnings` is null when there are none. */
  update(ref: string, resources: HostConfig): Promise<{ Warnings: string[] | null }>;
  remove(ref: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>;
  /**
   * `not-running` (default), `next-exit`, `removed`. The outer promise settles when the condition is registered (the API sends
   * its headers then); `result` when it is met.
   */
  wait(ref: string, condition: string): Promise<{ result: Promise<{ StatusCode: number; Error?: { Message: string } }> }>;
  resize(ref: string, rows: number, columns: number): Promise<void>;
  inspect(ref: string, options: { size: boolean }): Promise<object>;
  list(options: { all: boolean; limit: number; size: boolean; filters: Filters }): Promise<object[]>;
  attach(ref: string, request: AttachRequest): Promise<StreamSession>;
  logs(ref: string, request: LogsRequest): Promise<{ tty: boolean; frames: AsyncIterable<Uint8Array> }>;
  /** Answers of `GET /containers/{id}/stats`; counters are bigints. Throws not-found at once. */
  stats(ref: string, request: StatsRequest): AsyncIterable<object>;
  /** Returns `{Titles, Processes}`. */
  top(ref: string, psArgs: string): Promise<object>;
  /** What is at a path of its root. */
  stat(ref: string, path: string): Promise<PathStat>;
  /** The same with the content, as a tar that must be read to its end or returned. */
  readArchive(ref: string, path: string): Promise<PathArchive>;
  /** All of its own layers as a tar that must be read to its end or returned. */
  export(ref: string): Promise<AsyncIterable<Uint8Array>>;
  changes(ref: string): Promise<FilesystemChange[]>;
  /** Who reaches its published ports. */
  explainPorts(ref: string): Promise<readonly object[]>;
  /** Extracts a tar, compressed or not, into a directory of its root. */
  writeArchive(ref: string, path: string, archive: AsyncIterable<Uint8Array>, request: ExtractRequest): Promise<void>;
  /** `docker network connect`. Throws forbidden when it is connected already. */
  connect(ref: string, network: string, settings: EndpointSettings): Promise<void>;
  /** `force`: Docker takes it for the name of an endpoint whose container is gone. */
  disconnect(ref: string, network: string, force: boolean): Promise<void>;
  prune(filters: Filters): Promise<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>;
  execCreate(ref: string, config: ExecConfig): Promise<{ Id: string }>;
  execStart(execId: string, options: { detach: boolean; tty: boolean; consoleSize?: [number, number] }): Promise<StreamSession | null>;
  execResize(execId: string, rows: number, columns: number): Promise<void>;
  execInspect(execId: string): Promise<object>;
}

export type UsageKind = 'container' | 'image' | 'volume' | 'build-cache';

/** Kinds that were not asked for are null. Sizes in bytes. */
export interface DiskUsage {
  /** Of all layers that images have, each counted once. */
  readonly LayersSize: number;
  readonly Images: object[] | null;
  readonly Containers: object[] | null;
  readonly Volumes: object[] | null;
  readonly BuildCache: object[] | null;
}

export interface SystemService {
  /** `GET /version`. */
  version(): object;
  /** `GET /info`. */
  info(): Promise<object>;
  /** `GET /system/df`, of the kinds of objects asked for. */
  diskUsage(kinds: ReadonlySet<UsageKind>): Promise<DiskUsage>;
  /** Past events since `since`, then live ones until `until` (both as in LogsRequest) or the signal. */
  events(options: { since: string; until: string; filters: Filters; signal: AbortSignal }): Promise<AsyncIterable<EventMessage>>;
  /** Compares what is recorded with what is there; an extension. */
  check(request: CheckRequest): Promise<CheckReport>;
}

export interface CheckRequest {
  /** Puts right what can be. */
  readonly repair: boolean;
  /** Reads all layers, and compares them with their digests. */
  readonly verify: boolean;
}

export interface CheckReport {
  /** How many of each there are. */
  readonly Checked: { readonly Images: number; readonly Layers: number; readonly Containers: number; readonly Volumes: number };
  readonly Findings: readonly ReportedFinding[];
}

export interface ReportedFinding {
  readonly Kind: string;
  readonly Object: string;
  readonly Problem: string;
  readonly Reason: string;
  readonly Remedy: string;
  readonly Repairable: boolean;
  readonly Repaired: boolean;
  /** Why it could not be repaired. */
  readonly Error?: string;
}

/** `GET /images/json`. */
export interface ImageListRequest {
  readonly all: boolean;
  readonly filters: Filters;
  /** Work out `SharedSize`; -1 otherwise. */
  readonly sharedSize: boolean;
  /** Count `Containers`; -1 otherwise. */
  readonly containerCount: boolean;
}

/** `POST /commit`. */
export interface CommitRequest {
  readonly container: string;
  /** Both empty for an image without a name. */
  readonly repo: string;
  readonly tag: string;
  readonly author: string;
  readonly comment: string;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
  /** Freeze the container meanwhile. */
  readonly pause: boolean;
  /** Merged with the container's; null takes that as it is. */
  readonly config: ContainerConfig | null;
}

export interface ImageEndpoints {
  readonly service: ImageService;
  list(request: ImageListRequest): Promise<object[]>;
  /** `GET /images/{name}/json`. */
  inspect(name: string, platform?: Platform): Promise<object>;
  /** `GET /images/{name}/history`. */
  history(name: string, platform?: Platform): Promise<object[]>;
  remove(name: string, options: RemoveOptions): Promise<object[]>;
  /** `POST /images/prune`: `{ImagesDeleted, SpaceReclaimed}`. */
  prune(filters: Filters): Promise<object>;
  /** Returns the new image's id. */
  commit(request: CommitRequest): Promise<string>;
}

/** The body of `POST /volumes/create`. */
export interface VolumeCreateRequest {
  readonly Name?: string;
  readonly Driver?: string;
  readonly DriverOpts?: Readonly<Record<string, string>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly ClusterVolumeSpec?: unknown;
}

export interface VolumeService {
  /** `GET /volumes`: `{Volumes, Warnings}`. */
  list(filters: Filters): Promise<object>;
  inspect(name: string): Promise<object>;
  create(request: VolumeCreateRequest): Promise<object>;
  /** A new volume with what is in another one; an extension. */
  clone(source: string, request: VolumeCloneRequest): Promise<object>;
  remove(name: string, force: boolean): Promise<void>;
  /** `{VolumesDeleted, SpaceReclaimed}`. */
  prune(filters: Filters): Promise<object>;
}

/** The body of `POST /volumes/{name}/clone`. */
export interface VolumeCloneRequest {
  readonly Name?: string | null;
  /** Those of the source when there are none. */
  readonly Labels?: Readonly<Record<string, string>> | null;
}

/** The body of `POST /networks/create`. */
export interface NetworkCreateRequest {
  readonly Name?: string | null;
  readonly Driver?: string | null;
  readonly Scope?: string | null;
  EnableIPv4?: boolean | null;
  readonly EnableIPv6?: boolean | null;
  readonly IPAM?: {
    readonly Driver?: string | null;
    readonly Options?: Readonly<Record<string, string>> | null;
    readonly Config?: readonly ({
      readonly Subnet?: string | null;
      readonly IPRange?: string | null;
      readonly Gateway?: string | null;
      readonly AuxiliaryAddresses?: Readonly<Record<string, string>> | null;
    } | null)[] | null;
  } | null;
  readonly Internal?: boolean | null;
  readonly Attachable?: boolean | null;
  readonly Ingress?: boolean | null;
  readonly ConfigOnly?: boolean | null;
  readonly ConfigFrom?: { readonly Network?: string | null } | null;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

export interface NetworkService {
  /** `GET /networks`, in the order they were made. */
  list(filters: Filters): Promise<object[]>;
  /** By id, name or unique id prefix; `scope` empty or the one it must have. */
  inspect(ref: string, scope: string): Promise<object>;
  create(request: NetworkCreateRequest): Promise<{ Id: string; Warning: string }>;
  remove(ref: string): Promise<void>;
  /** `{NetworksDeleted}`: names. */
  prune(filters: Filters): Promise<object>;
}

/** `POST /build/prune`. */
export interface BuildPruneRequest {
  readonly all: boolean;
  /** Bytes that stay; 0: nothing. */
  readonly keepStorage: number;
  readonly filters: Filters;
}

export interface BuildService {
  /** `POST /build`. Rejects for what can be refused before anything is told; what goes wrong later is the last record. */
  build(request: ClassicBuildRequest, send: Send): Promise<void>;
  /** Docker's BuildCache records. */
  usage(): object[];
  prune(request: BuildPruneRequest): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }>;
  /** `POST /grpc` and `/session`. Loaded when it is asked for first. */
  buildkit(): Promise<BuildkitService>;
}

export interface Engine {
  readonly builds: BuildService;
  readonly networks: NetworkService;
  readonly volumes: VolumeService;
  readonly containers: ContainerService;
  readonly images: ImageEndpoints;
  readonly system: SystemService;
}
