/** The container part of the engine's interface: each method finds its container and hands over to the file that knows how. */
import { conflict, invalidParameter, notFound, notImplemented, prefixed } from '../errors.ts';
import { parseSignal, signal as signals } from '../linux/signals.ts';
import { attachContainer } from './attach.ts';
import type { Container } from './container.ts';
import { isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { createContainer } from './create.ts';
import type { ContainerService } from './engine.ts';
import { createExec, findExec, resizeExec, startExec } from './exec.ts';
import { inspectContainer, sizes } from './inspect.ts';
import { listContainers } from './list.ts';
import { archiveFromContainer, containerChanges, exportContainer, extractToContainer, statInContainer } from './files/archive.ts';
import { removeLink } from './links.ts';
import { readLogs } from './log-reader.ts';
import { checkName } from './names.ts';
import { containerPaths } from './paths.ts';
import { descendants, listProcesses } from './processes.ts';
import { pruneContainers } from './prune.ts';
import { removeContainer } from './remove.ts';
import { restartContainer } from './restart.ts';
import { startByRequest } from './start.ts';
import { explainPorts } from './networks/explain.ts';
import { connectContainer, disconnectContainer } from './networks/connect.ts';
import { noteNetworks, publishNames } from './networks/endpoints.ts';
import { leadQueries } from './networks/name-service.ts';
import { containerStats } from './stats.ts';
import { killContainer, notRunning, pauseContainer, stopContainer, unpauseContainer } from './stop.ts';
import { updateContainer } from './update.ts';
import { waitFor } from './wait.ts';

export function createContainerService(context: EngineContext): ContainerService {
  const { registry } = context;
  return {
    create: (name, request, options) => createContainer(context, name, request, options),

    async start(ref) {
      const container = registry.get(ref);
      await container.exclusively(() => startByRequest(context, container));
    },

    async stop(ref, options) {
      const container = registry.get(ref);
      await container.exclusively(() => stopContainer(context, container, options));
    },

    async restart(ref, options) {
      const container = registry.get(ref);
      await container.exclusively(() => restartContainer(context, container, ref, options));
    },

    // Not queued behind a `stop` that waits for its timeout: a person who kills wants it now.
    async kill(ref, signalName) {
      const prefix = `cannot kill container: ${ref}`;
      const signal = prefixed(prefix, () => (signalName === '' ? signals.SIGKILL : parseSignal(signalName)));
      const container = prefixed(prefix, () => registry.get(ref));
      await prefixed(prefix, () => killContainer(context, container, signal));
    },

    async pause(ref) {
      const container = registry.get(ref);
      await container.exclusively(() => pauseContainer(context, container));
    },

    async unpause(ref) {
      const container = registry.get(ref);
      await container.exclusively(() => unpauseContainer(context, container));
    },

    async rename(ref, name) {
      if (name === '') throw invalidParameter('Neither old nor new names may be empty');
      renameContainer(context, registry.get(ref), name);
    },

    update: (ref, request) => updateContainer(context, ref, request),

    remove: async (ref, options) => {
      if (options.link) {
        removeLink(context, ref);
        return;
      }
      const container = registry.get(ref);
      if (container.removing) throw conflict(`removal of container ${ref} is already in progress`, { object: container.id });
      await prefixed(`cannot remove container ${JSON.stringify(ref)}`, () => removeContainer(context, container, options));
    },

    async wait(ref, condition) {
      const container = registry.find(ref);
      const exit = container ? undefined : registry.recentExit(ref);
      return { result: exit === undefined ? waitFor(registry.get(ref), condition) : Promise.resolve({ StatusCode: exit }) };
    },

    async resize(ref, rows, columns) {
      const container = registry.get(ref);
      if (!isAlive(container.state)) throw notRunning(container);
      await container.shim?.resize(columns, rows);
      context.events.publish('container', 'resize', container.id, container.eventAttributes({ height: String(rows), width: String(columns) }));
    },

    inspect: async (ref, options) => inspectContainer(context, registry.get(ref), options.size),
    list: async (options) => listContainers(context, options),
    attach: async (ref, request) => attachContainer(context, registry.get(ref), request),

    async logs(ref, request) {
      const container = registry.get(ref);
      if (!request.stdout && !request.stderr) throw invalidParameter('You must choose at least one stream');
      const { hostConfig, config, id } = container.record;
      if (hostConfig.LogConfig?.Type === 'none') throw notImplemented('configured logging driver does not support reading');
      const { log } = containerPaths(context.settings.dataRoot, id);
      const live = () => isAlive(container.state) || container.state.status === 'restarting';
      return { tty: config.Tty ?? false, frames: readLogs(log, request, config.Tty ?? false, live) };
    },

    async top(ref, psArgs) {
      const container = registry.get(ref);
      const { state } = container;
      if (!isAlive(state)) throw notRunning(container);
      const list = listProcesses(containerPids(container, state.pid), psArgs);
      context.events.publish('container', 'top', container.id, container.eventAttributes());
      return list;
    },

    stat: async (ref, path) => statInContainer(context, registry.get(ref), ref, path),
    readArchive: async (ref, path) => archiveFromContainer(context, registry.get(ref), ref, path),
    export: async (ref) => exportContainer(context, registry.get(ref)),
    changes: async (ref) => containerChanges(context, registry.get(ref)),
    explainPorts: async (ref) => explainPorts(context, registry.get(ref)),
    writeArchive: async (ref, path, archive, request) => extractToContainer(context, registry.get(ref), ref, path, archive, request),
    async connect(ref, name, settings) {
      const container = registry.get(ref);
      await container.exclusively(() => connectContainer(context, container, context.networks.get(name), settings));
    },

    async disconnect(ref, name, force) {
      const network = context.networks.get(name);
      const container = force ? registry.find(ref) : registry.get(ref);
      if (container === undefined) throw notFound(`endpoint ${ref} not found`);
      await container.exclusively(() => disconnectContainer(context, container, network));
    },

    stats: (ref, request) => containerStats(context, registry.get(ref), request),
    prune: async (filters) => pruneContainers(context, filters, async (container) => (await sizes(context, container)).SizeRw),
    execCreate: async (ref, config) => ({ Id: createExec(context, registry.get(ref), config).id }),
    execStart: async (id, options) => startExec(context, findExec(context, id), options),
    execResize: async (id, rows, columns) => resizeExec(context, findExec(context, id), rows, columns),
    execInspect: async (id) => findExec(context, id).inspect(),
  };
}

function containerPids(container: Container, pid: number): number[] {
  const execs = [...container.execs.values()].flatMap((exec) => (exec.state.status === 'running' ? [exec.state.process.pid] : []));
  return [pid, ...execs].flatMap(descendants);
}

function renameContainer(context: EngineContext, container: Container, name: string): void {
  const oldName = container.record.name;
  const bare = checkName(name);
  if (bare === oldName) throw invalidParameter('Renaming a container with the same name as its current name');
  context.registry.rename(container, bare);
  noteNetworks(context, container);
  publishNames(context, container, container.record.endpoints);
  leadQueries(context);
  context.events.publish('container', 'rename', container.id, container.eventAttributes({ oldName: `/${oldName}` }));
}
