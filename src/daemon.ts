/**
 * The daemon: everything is made here, in this order, and handed on by name. Reading this file is reading how the parts fit.
 * It may be killed at any time; the next one finds the containers again (engine/reconcile.ts).
 */
import { createHash } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createApiServer } from './api/server.ts';
import { readAsset } from './assets.ts';
import { createBuildService } from './engine/build/build-service.ts';
import { Collector } from './engine/collector.ts';
import { ContainerRegistry } from './engine/container-registry.ts';
import { createContainerService } from './engine/container-service.ts';
import type { EngineContext } from './engine/context.ts';
import { type DaemonOptions, defaultExecRoot } from './engine/daemon-options.ts';
import type { Engine } from './engine/engine.ts';
import { Disposal } from './engine/disposal.ts';
import { EventBus } from './engine/events.ts';
import { createIdleTrim } from './engine/idle.ts';
import { topLayersOf } from './engine/image-mounts.ts';
import { createImageEndpoints } from './engine/image-endpoints.ts';
import { createLogger, type Logger } from './engine/logger.ts';
import { defaultLogBounds, parseLogBounds } from './engine/log-options.ts';
import { endpointsOn } from './engine/networks/endpoints.ts';
import { createNetworkFilter } from './engine/networks/filter.ts';
import { leadQueries } from './engine/networks/name-service.ts';
import { NameTables } from './engine/networks/name-tables.ts';
import { filteredPorts } from './engine/networks/ports.ts';
import { reconcile } from './engine/reconcile.ts';
import type { EngineSettings } from './engine/settings.ts';
import { deviceSource } from './engine/spec/host-devices.ts';
import { probeHost } from './engine/spec/host-probe.ts';
import { createNetworkService } from './engine/network-service.ts';
import { createSystemService } from './engine/system-service.ts';
import { nowText } from './engine/timestamps.ts';
import { readAccountFiles, resolveRemap } from './engine/userns-remap.ts';
import { createVolumeService } from './engine/volume-service.ts';
import { warmUp } from './engine/warm-up.ts';
import { conflict } from './errors.ts';
import { createImageService } from './images/image-service.ts';
import { type RegistrySettings, validateInsecure, validateMirror } from './images/registry/endpoints.ts';
import { proxySettings } from './images/registry/proxy.ts';
import { seedBusybox } from './images/seed.ts';
import { createCgroupDriver } from './linux/cgroup/index.ts';
import { directoryQuotas } from './linux/directory-quotas.ts';
import { tryLockFile } from './linux/ffi/lock.ts';
import { unmountIfMounted } from './linux/ffi/mounts.ts';
import { checkPrerequisites } from './linux/prerequisites.ts';
import { defaultBlocks, parseAddressBlock } from './network/addresses/subnets.ts';
import { createEndpointDrivers } from './network/endpoint-drivers.ts';
import { Networks } from './network/networks.ts';
import { portHost } from './network/port-host.ts';
import { PortAllocator } from './network/ports.ts';
import { createLauncher } from './runtime/launcher.ts';
import { existsInRoot, readFileInRoot } from './storage/lookup.ts';
import { createStorageDriver } from './storage/drivers.ts';
import type { Digest } from './storage/driver.ts';
import { directorySize } from './storage/tree-size.ts';
import { BuildCacheStore } from './store/build-cache.ts';
import { ContainerStore } from './store/containers.ts';
import { type Database, openDatabase } from './store/database.ts';
import { ImageUseStore } from './store/image-uses.ts';
import { NetworkStore } from './store/networks.ts';
import { VolumeStore } from './store/volumes.ts';
import { version } from './version.ts';
import { LocalVolumes } from './volumes/local-volumes.ts';
import { VolumeMounts } from './volumes/volume-mounts.ts';

/** Runs until SIGTERM or SIGINT; containers go on. Rejects with one sentence when it cannot start. */
export async function runDaemon(options: DaemonOptions): Promise<never> {
  checkPrerequisites();
  const logger = createLogger(options.debug);
  const settings = createSettings(options);
  makeDirectories(settings);
  lockDataRoot(settings.dataRoot);
  placeInit(settings);
  const database = openDatabase(join(settings.dataRoot, 'caisson.db'));
  const networks = createNetworks(options, settings, database);
  const context = createContext(settings, database, networks, logger);
  const engine: Engine = {
    builds: createBuildService(context),
    containers: createContainerService(context),
    images: createImageEndpoints(context),
    networks: createNetworkService({ networks, events: context.events, endpointsOf: (id) => endpointsOn(context, id) }),
    system: createSystemService(context),
    volumes: createVolumeService(context),
  };
  const idle = createIdleTrim();
  const server = createApiServer({ engine, logger, version, onRequest: () => idle.busy() });
  await seed(context);
  networks.restore((network, error) => logger.warn('cannot restore the interface of a network', { network: network.name, error }));
  await reconcile(context);
  context.names.publishAll();
  leadQueries(context);
  for (const host of options.hosts) await server.listen(host);
  if (options.pidfile !== undefined) writeFileSync(options.pidfile, `${process.pid}\n`);
  tellReady();
  idle.busy();
  logger.info('listening', { hosts: options.hosts.join(' '), dataRoot: settings.dataRoot });
  context.collector?.begin(context);
  const end = ended();
  await warmUp(context).catch((error: unknown) => logger.warn('cannot warm up', { error }));
  await end;
  await server.close();
  await context.disposal.settled();
  await context.launcher.close();
  context.cgroups.release();
  if (options.pidfile !== undefined) rmSync(options.pidfile, { force: true });
  process.exit(0);
}

function createSettings(options: DaemonOptions): EngineSettings {
  const dataRoot = resolve(options.dataRoot);
  const execRoot = resolve(options.execRoot);
  return {
    version,
    dataRoot,
    execRoot,
    cgroupParent: options.cgroupParent ?? defaultCgroupParent(execRoot),
    initBinary: join(execRoot, 'caisson-init'),
    log: parseLogBounds(options.logOptions, defaultLogBounds),
    usernsRemap: options.usernsRemap ? resolveRemap(options.usernsRemap, readAccountFiles()) : null,
    respectInputRules: options.respectInputRules,
    hostGateways: options.hostGateways,
    registries: registrySettings(options),
    debug: options.debug,
    storageDriver: options.storageDriver,
    storageOptions: options.storageOptions,
    collector: options.collector,
  };
}

/** The proxies are the daemon's own, and taken out of its environment: the transport decides what goes through them. */
function registrySettings(options: DaemonOptions): RegistrySettings {
  const proxies = proxySettings(process.env);
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy']) {
    delete process.env[name];
    delete process.env[name.toUpperCase()];
  }
  return {
    insecure: options.insecureRegistries.map(validateInsecure),
    mirrors: options.registryMirrors.map(validateMirror),
    certificates: resolve(options.registryCertificates),
    proxies,
  };
}

/** Several engines share a machine: each has a cgroup parent and a bridge of its own. */
function defaultCgroupParent(execRoot: string): string {
  return execRoot === defaultExecRoot ? '/caisson' : `/caisson-${rootSuffix(execRoot)}`;
}

function defaultBridge(execRoot: string): string {
  return execRoot === defaultExecRoot ? 'caisson0' : `caisson${rootSuffix(execRoot)}`;
}

/** Of the packet filter. */
const filterTable = (execRoot: string): string => (execRoot === defaultExecRoot ? 'caisson' : `caisson-${rootSuffix(execRoot)}`);

const rootSuffix = (execRoot: string): string => createHash('sha256').update(execRoot).digest('hex').slice(0, 8);

function createNetworks(options: DaemonOptions, { execRoot }: EngineSettings, database: Database): Networks {
  return new Networks({
    store: new NetworkStore(database),
    defaultBridge: { name: options.bridge ?? defaultBridge(execRoot), address: options.bridgeAddress ?? '', publishAddress: options.publishAddress ?? '0.0.0.0' },
    blocks: options.defaultAddressPools.length === 0 ? defaultBlocks : options.defaultAddressPools.map(parseAddressBlock),
    now: nowText,
  });
}

/** Of the tables that name services read. */
const nameDirectory = (execRoot: string): string => join(execRoot, 'names');

function makeDirectories({ dataRoot, execRoot }: EngineSettings): void {
  mkdirSync(dataRoot, { recursive: true, mode: 0o711 });
  mkdirSync(join(dataRoot, 'containers'), { recursive: true, mode: 0o710 });
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  mkdirSync(nameDirectory(execRoot), { recursive: true, mode: 0o700 });
}

/** A new file in place of the old one: containers with `--init` may be executing that (ETXTBSY), and go on with it. */
function placeInit({ initBinary }: EngineSettings): void {
  const fresh = `${initBinary}.new`;
  writeFileSync(fresh, readAsset('caisson-shim'), { mode: 0o755 });
  chmodSync(fresh, 0o755);
  renameSync(fresh, initBinary);
}

function createContext(settings: EngineSettings, database: Database, networks: Networks, logger: Logger): EngineContext {
  const quotas = directoryQuotas(settings.dataRoot, ['overlay', 'vfs', 'volumes']);
  const storage = createStorageDriver({ dataRoot: settings.dataRoot, name: settings.storageDriver, options: settings.storageOptions, database, quotas });
  const registry = new ContainerRegistry(new ContainerStore(database), logger);
  const events = new EventBus();
  const buildCache = new BuildCacheStore(database);
  const layersInUse = () => new Set([...registry.all().flatMap(({ record }) => topLayersOf(record)), ...buildCache.topLayers() as Digest[]]);
  const volumes = new LocalVolumes(settings.dataRoot, new VolumeStore(database), quotas, (action, name) => events.publish('volume', action, name, { driver: 'local' }));
  // Nothing refers to what is swept, and the next start tries again.
  volumes.recover().catch(() => undefined);
  const collector = settings.collector === null ? undefined : new Collector(settings.collector, new ImageUseStore(database));
  const cgroups = createCgroupDriver(settings.cgroupParent, {
    mountpointDirectory: join(settings.execRoot, 'cgroup-mountpoints'), parentRecord: join(settings.execRoot, 'cgroup-parents'),
  });
  return {
    settings,
    logger,
    registry,
    storage,
    database,
    collector,
    buildCache,
    events,
    disposal: new Disposal(logger),
    execs: new Map(),
    images: createImageService({
      dataRoot: settings.dataRoot,
      database,
      storage,
      layersInUse,
      registries: settings.registries,
      listener: (action, id, attributes) => {
        events.publish('image', action, id, attributes);
        collector?.changed(action, id);
      },
    }),
    volumes,
    volumeMounts: new VolumeMounts(unmountIfMounted),
    networks,
    names: new NameTables(nameDirectory(settings.execRoot), registry, networks),
    endpointDrivers: createEndpointDrivers(networks),
    networkFilter: createNetworkFilter({
      table: filterTable(settings.execRoot), guardFile: join(settings.execRoot, 'forwarding'), networks, ports: () => filteredPorts(registry),
      onFailure: (error) => logger.warn('cannot put the packet filter right', { error }),
    }),
    ports: new PortAllocator(portHost(settings.respectInputRules)),
    launcher: createLauncher({ helperPath: settings.initBinary, execRoot: settings.execRoot }),
    cgroups,
    host: probeHost(cgroups, settings.usernsRemap !== null),
    devices: deviceSource(),
    readFileInRoot,
    existsInRoot,
    directorySize,
  };
}

/** Two daemons on one store would undo each other's work. The lock ends with the process that holds it. */
function lockDataRoot(dataRoot: string): void {
  if (tryLockFile(join(dataRoot, 'lock'))) return;
  throw conflict(`another daemon is using the data root ${dataRoot}; stop it, or give this one another --data-root and --exec-root`);
}

/** An empty store gets an image, so that the first command works without a network. */
async function seed({ images, logger }: EngineContext): Promise<void> {
  if (images.list().length > 0) return;
  try {
    await seedBusybox(images, readAsset('busybox'));
  } catch (error) {
    logger.warn('no image was seeded', { error });
  }
}

/** Tells whoever started us, on the descriptor it named, that the API answers. */
function tellReady(): void {
  const fd = Number(process.env['CAISSON_READY_FD'] ?? '');
  if (!Number.isInteger(fd) || fd < 3) return;
  writeSync(fd, 'ready\n');
  closeSync(fd);
}

function ended(): Promise<void> {
  return new Promise((resolvePromise) => {
    process.once('SIGTERM', () => resolvePromise());
    process.once('SIGINT', () => resolvePromise());
  });
}
