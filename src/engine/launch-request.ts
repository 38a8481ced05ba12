/** From a container's record to what its shim is asked to do: the specification, the plan, the streams. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { conflict, invalidParameter, isClass, systemError } from '../errors.ts';
import type { CgroupLayout } from '../linux/cgroup/layout.ts';
import { compileContainer, compileExec, type NetworkOperations, rootPath, type RootSource } from '../runtime/compile.ts';
import { cgroupRefusal } from '../runtime/launch-error.ts';
import type { Operation, Plan } from '../runtime/plan/operations.ts';
import type { ExecRequest, LaunchRequest, LogTarget } from '../runtime/shim.ts';
import type { RootDescription } from '../storage/driver.ts';
import type { Container } from './container.ts';
import type { ContainerExec } from './container-exec.ts';
import { isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';
import type { ExecStart } from './exec.ts';
import { imageMountSources } from './image-mounts.ts';
import type { ContainerConfig } from './docker-types.ts';
import { withLinkEnvironment } from './links.ts';
import { logAttributes } from './log-attributes.ts';
import { startedLogBounds } from './log-options.ts';
import { networkOperations } from './networks/endpoints.ts';
import { containerPaths } from './paths.ts';
import { buildExecProcess } from './spec/build-exec.ts';
import { buildOciConfig, type BuiltSpec } from './spec/build.ts';
import { remapOf } from './root-mounts.ts';
import { rootSource } from './root-source.ts';
import { parseMode } from './spec/modes.ts';
import type { JoinedProcesses } from './spec/namespaces.ts';
import type { UserFiles } from './spec/user.ts';

/** The specification of a container's current or next run, with its cgroups. */
export interface LaunchSpec extends BuiltSpec {
  readonly root: RootDescription;
  readonly source: RootSource;
  readonly images: readonly RootSource[];
  readonly cgroup: CgroupLayout;
  readonly network: NetworkOperations | undefined;
}

/** `volumeMounts`: what has to be mounted before anything of the container is. */
export function buildLaunchRequest(context: EngineContext, container: Container, volumeMounts: readonly Operation[]): LaunchRequest {
  const { record } = container;
  const spec = buildSpec(context, container);
  container.spec = spec;
  const paths = containerPaths(context.settings.dataRoot, record.id);
  const plan = compile(context, record.id, spec);
  return {
    id: record.id,
    plan: { ...plan, prepare: [...volumeMounts, ...plan.prepare] },
    stdio: { tty: record.config.Tty ?? false, openStdin: record.config.OpenStdin ?? false, stdinOnce: record.config.StdinOnce ?? false },
    log: logTarget(context, container, paths.log),
    exitRecordPath: paths.exitRecord,
    ...(spec.cgroup.oomEvents === '' ? {} : { oomEventsPath: spec.cgroup.oomEvents }),
  };
}

/** What undoes a run whose shim was killed: every process of it first. The namespaces it joined may be gone; none is needed. */
export function releaseSection(context: EngineContext, container: Container): Plan['release'] {
  const spec = specOf(context, container);
  const [cgroup] = spec.cgroup.removals;
  const kill: Plan['release'] = cgroup === undefined ? [] : [{ name: 'killCgroup', reason: 'nothing of it lives on', path: cgroup }];
  return [...kill, ...compile(context, container.id, spec).release];
}

/** What its shim is to undo at its end, now that its networks are others than at its start. */
export function currentRelease(context: EngineContext, container: Container): Plan['release'] {
  const spec = { ...specOf(context, container), network: networkOperations(context, container) };
  container.spec = spec;
  return compile(context, container.id, spec).release;
}

const compile = ({ host }: EngineContext, id: string, spec: LaunchSpec): Plan => compileContainer({
  ...(spec.network === undefined ? {} : { network: spec.network }),
  id, hasKcore: host.kcore, config: spec.config, root: spec.source, images: spec.images, cgroup: spec.cgroup, seccompProgram: spec.seccompProgram, hostMounts: spec.hostMounts,
});

export function buildExecRequest(context: EngineContext, container: Container, exec: ContainerExec, options: ExecStart): ExecRequest {
  const { record } = container;
  const { hostConfig } = record;
  const spec = specOf(context, container);
  const process = buildExecProcess({
    exec: exec.config, config: withLinkEnvironment(context, container), hostConfig, container: spec.config, userFiles: userFiles(context, spec.root), host: context.host,
    ...(options.consoleSize ? { consoleSize: options.consoleSize } : {}),
  });
  const plan = compileExec({
    id: record.id, config: spec.config, process, cgroup: spec.cgroup,
    seccompProgram: spec.seccompProgram,
  });
  const { AttachStdin = false, AttachStdout = false, AttachStderr = false, Tty = false } = exec.config;
  return {
    execId: exec.id,
    plan,
    stdio: { tty: Tty, openStdin: AttachStdin && !options.detach, stdinOnce: true },
    attach: options.detach ? null : { stdin: AttachStdin, stdout: AttachStdout, stderr: AttachStderr },
  };
}

/** The cgroups of a container that runs. */
export const cgroupLayout = (context: EngineContext, container: Container): CgroupLayout => specOf(context, container).cgroup;

/** After a restart of the daemon the specification is built again from the record; it is a function of it. */
function specOf(context: EngineContext, container: Container): LaunchSpec {
  return container.spec ??= buildSpec(context, container);
}

function buildSpec(context: EngineContext, container: Container): LaunchSpec {
  const { record } = container;
  const { settings } = context;
  const root = context.storage.root(record.id, record.topLayer);
  const source = rootSource(root, { remapped: remapOf(context, container) !== null });
  const built = buildOciConfig({
    id: record.id, config: commandConfig(context, container), hostConfig: record.hostConfig, argv: record.argv, mounts: record.mounts,
    rootPath: rootPath(source), networkFiles: networkFiles(context, container), userFiles: userFiles(context, root),
    joined: joinedProcesses(context, container), shmPath: shmPath(context, container), cgroupParent: settings.cgroupParent,
    initBinary: settings.initBinary, remap: settings.usernsRemap, devices: context.devices, host: context.host,
  });
  return { ...built, root, source, images: imageMountSources(context, record), cgroup: layoutOf(context, built), network: networkOperations(context, container) };
}

function commandConfig(context: EngineContext, container: Container): ContainerConfig {
  const config = withLinkEnvironment(context, container);
  const { commandEnvironment } = container;
  return commandEnvironment.length === 0 ? config : { ...config, Env: [...config.Env ?? [], ...commandEnvironment] };
}

function layoutOf({ cgroups }: EngineContext, { config: { linux } }: BuiltSpec): CgroupLayout {
  try {
    return cgroups.layout(linux.cgroupsPath ?? '', linux.resources ?? {});
  } catch (error) {
    throw isClass(error, 'invalid-parameter') ? cgroupRefusal(error) : error;
  }
}

/** Of images, by the layer below the container's own: layers never change. */
const imageUserFiles = new Map<string, UserFiles>();
const imageUserFilesLimit = 100;

/** A container that has no /etc of its own sees its image's, which needs no second look. */
export function userFiles(context: EngineContext, root: RootDescription): UserFiles {
  if (root.kind === 'tree' || existsSync(join(root.upperDir, 'etc'))) return readUserFiles(context, root);
  const image = root.lowerDirs[0] ?? '';
  const known = imageUserFiles.get(image);
  if (known) return known;
  const files = readUserFiles(context, root);
  if (imageUserFiles.size >= imageUserFilesLimit) imageUserFiles.clear();
  imageUserFiles.set(image, files);
  return files;
}

function readUserFiles(context: EngineContext, root: RootDescription): UserFiles {
  const text = (path: string) => Buffer.from(context.readFileInRoot(root, path) ?? []).toString('utf8');
  return { passwd: text('/etc/passwd'), group: text('/etc/group') };
}

/** Whoever shares another container's network shares its names and resolvers too. */
export function networkFiles(context: EngineContext, container: Container) {
  const mode = parseMode(container.record.hostConfig.NetworkMode);
  const owner = mode.kind === 'container' ? networkOwner(context, mode.container).id : container.id;
  const { hosts, hostname, resolvConf } = containerPaths(context.settings.dataRoot, owner);
  return { hosts, hostname, resolvConf };
}

/** Where a shareable ipc namespace keeps its shared memory: this container's, or that of the one it joins. */
function shmPath(context: EngineContext, container: Container): string | undefined {
  const mode = parseMode(container.record.hostConfig.IpcMode);
  if (mode.kind === 'container') return join(containerPaths(context.settings.dataRoot, context.registry.get(mode.container).id).directory, 'shm');
  return mode.kind === 'shareable' ? join(containerPaths(context.settings.dataRoot, container.id).directory, 'shm') : undefined;
}

/** Sentences and statuses here are dockerd 28's; who is first to be named is, too. */
function joinedProcesses(context: EngineContext, container: Container): JoinedProcesses {
  const { hostConfig } = container.record;
  const network = joinedNetwork(context, hostConfig.NetworkMode);
  const pid = joined(context, hostConfig.PidMode, 'PID');
  const ipc = joined(context, hostConfig.IpcMode, 'IPC');
  return { ...(pid ? { pid } : {}), ...(network ? { network } : {}), ...(ipc ? { ipc } : {}) };
}

function networkOwner({ registry }: EngineContext, ref: string): Container {
  const owner = registry.find(ref);
  if (owner === undefined) throw systemError(`joining network namespace of container: No such container: ${ref}`, { object: ref });
  return owner;
}

function joinedNetwork(context: EngineContext, modeText: string | undefined): number | undefined {
  const mode = parseMode(modeText);
  if (mode.kind !== 'container') return undefined;
  const { record, state } = networkOwner(context, mode.container);
  if (!isAlive(state)) throw conflict(`cannot join network namespace of a non running container: container ${record.name} is ${state.status}`);
  return state.pid;
}

function joined(context: EngineContext, modeText: string | undefined, namespace: 'PID' | 'IPC'): number | undefined {
  const mode = parseMode(modeText);
  if (mode.kind !== 'container') return undefined;
  const owner = context.registry.get(mode.container);
  const { state } = owner;
  if (!isAlive(state)) {
    const sentence = `failed to join ${namespace} namespace: container ${owner.id} is not running`;
    throw namespace === 'PID' ? systemError(sentence) : conflict(sentence);
  }
  const kind = parseMode(owner.record.hostConfig.IpcMode).kind;
  if (namespace === 'IPC' && kind !== 'shareable' && kind !== 'host') {
    throw invalidParameter(`failed to join IPC namespace: container ${owner.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`);
  }
  return state.pid;
}

function logTarget(context: EngineContext, container: Container, path: string): LogTarget | null {
  const { LogConfig } = container.record.hostConfig;
  if (LogConfig?.Type === 'none') return null;
  return { path, attributes: logAttributes(container), ...startedLogBounds(LogConfig?.Config ?? {}, context.settings.log) };
}
