/** What every part of the engine works with. Made once, in `src/daemon.ts`; passed by name, never imported as a global. */
import type { ImageService } from '../images/service.ts';
import type { CgroupDriver } from '../linux/cgroup/driver.ts';
import type { Launcher } from '../runtime/shim.ts';
import type { EndpointDrivers } from '../network/endpoint-drivers.ts';
import type { NetworkRegistry } from '../network/network.ts';
import type { PortAllocator } from '../network/ports.ts';
import type { Database } from '../store/database.ts';
import type { Collector } from './collector.ts';
import type { RootDescription, StorageDriver } from '../storage/driver.ts';
import type { BuildCacheStore } from '../store/build-cache.ts';
import type { LocalVolumes } from '../volumes/local-volumes.ts';
import type { VolumeMounts } from '../volumes/volume-mounts.ts';
import type { DeviceSource } from './spec/build.ts';
import type { HostFacts } from './spec/host.ts';
import type { ContainerRegistry } from './container-registry.ts';
import type { ContainerExec } from './container-exec.ts';
import type { Disposal } from './disposal.ts';
import type { NetworkFilter } from './networks/filter.ts';
import type { EngineSettings } from './settings.ts';
import type { EventBus } from './events.ts';
import type { NameTables } from './networks/name-tables.ts';
import type { Logger } from './logger.ts';

export interface EngineContext {
  readonly settings: EngineSettings;
  readonly logger: Logger;
  readonly events: EventBus;
  readonly registry: ContainerRegistry;
  /** All execs of all containers, by id. */
  readonly execs: Map<string, ContainerExec>;
  readonly images: ImageService;
  readonly storage: StorageDriver;
  readonly database: Database;
  /** Only where the daemon was asked to collect what is not needed. */
  readonly collector: Collector | undefined;
  /** What building has given. */
  readonly buildCache: BuildCacheStore;
  readonly volumes: LocalVolumes;
  readonly volumeMounts: VolumeMounts;
  readonly networks: NetworkRegistry;
  readonly endpointDrivers: EndpointDrivers;
  readonly networkFilter: NetworkFilter;
  readonly names: NameTables;
  readonly ports: PortAllocator;
  readonly disposal: Disposal;
  readonly launcher: Launcher;
  readonly cgroups: CgroupDriver;
  /** What was found of the host at start. */
  readonly host: HostFacts;
  readonly devices: DeviceSource;
  /** Reads a file of a container's root without mounting it; never out of that root. */
  readonly readFileInRoot: (root: RootDescription, path: string) => Uint8Array | undefined;
  /** True when a root that is not mounted has something at a path. */
  readonly existsInRoot: (root: RootDescription, path: string) => boolean;
  /** Bytes of what is below a directory, directories left out. */
  readonly directorySize: (path: string) => number;
}
