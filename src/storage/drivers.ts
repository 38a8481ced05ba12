/** Which storage driver a daemon uses. */
import { readdirSync } from 'node:fs';
import { conflict, invalidParameter, systemError } from '../errors.ts';
import { BtrfsDriver } from './btrfs.ts';
import { type DriverName, driverNames, type DriverParts, type StorageDriver } from './driver.ts';
import { fileSystemName } from './file-systems.ts';
import { FuseOverlayfsDriver } from './fuse-overlayfs.ts';
import type { LayerStore } from './layer-store.ts';
import { Overlay2Driver } from './overlay2.ts';
import { overlayRefusal } from './overlay-support.ts';
import { parseDriverOptions } from './root-size.ts';
import { VfsDriver } from './vfs.ts';

const drivers = { overlay2: Overlay2Driver, 'fuse-overlayfs': FuseOverlayfsDriver, btrfs: BtrfsDriver, vfs: VfsDriver } as const;

/** Where each keeps its roots, below the data root. */
const rootsOf: Readonly<Record<DriverName, string>> = { overlay2: 'overlay', 'fuse-overlayfs': 'fuse-overlayfs', btrfs: 'btrfs/roots', vfs: 'vfs' };

/** `name`: what the daemon was asked for; empty: what containers that are there need, or else the first that works here. */
export interface DriverChoice {
  readonly dataRoot: string;
  readonly name: string;
}

export interface DriverRequest extends DriverChoice, Pick<DriverParts, 'database' | 'quotas'> {
  /** The daemon's `--storage-opt`. */
  readonly options: readonly string[];
}

/** The driver on a data root; what an earlier run left half-done is removed in the background. */
export function createStorageDriver({ options, ...request }: DriverRequest): StorageDriver & LayerStore {
  const name = chooseDriver(request);
  const bounds = parseDriverOptions(name, options, { fileSystem: fileSystemName(request.dataRoot), supported: request.quotas !== undefined });
  const driver = new drivers[name]({ ...request, bounds });
  // Nothing refers to what is swept, and the next start tries again.
  driver.recover().catch(() => undefined);
  return driver;
}

/**
 * Throws in Docker's words for a driver that is not known or cannot work here. Containers of another driver are never hidden by
 * a change of drivers, as they would be with Docker: that is refused while they are there.
 */
export function chooseDriver({ dataRoot, name }: DriverChoice): DriverName {
  if (name !== '' && !isDriverName(name)) throw invalidParameter(failure(`driver not supported: ${name}`));
  const present = driverNames.filter((each) => hasRoots(`${dataRoot}/${rootsOf[each]}`));
  if (present.length > 1) {
    throw conflict(failure(`${dataRoot} contains several valid graphdrivers: ${present.join(', ')}; cleanup or explicitly choose storage driver (-s <DRIVER>)`));
  }
  const [prior] = present;
  if (prior !== undefined && name !== '' && name !== prior) {
    throw conflict(`${dataRoot} has containers of the storage driver ${prior}, which ${name} cannot show: remove them under --storage-driver ${prior} first, or give this daemon another --data-root`);
  }
  const chosen = name === '' ? prior : name;
  if (chosen === undefined) return driverNames.find((each) => refusal(each, dataRoot) === undefined) ?? 'vfs';
  // What has containers has worked before, and an overlay need not be tried at each start.
  const why = prior === chosen && chosen === 'overlay2' ? undefined : refusal(chosen, dataRoot);
  if (why !== undefined) throw systemError(failure(`${why}: ${chosen}`));
  return chosen;
}

const failure = (why: string): string => `error initializing graphdriver: ${why}`;

const isDriverName = (name: string): name is DriverName => (driverNames as readonly string[]).includes(name);

/** Names with a dot are removals that were cut short. */
function hasRoots(directory: string): boolean {
  try {
    return readdirSync(directory).some((name) => !name.startsWith('.'));
  } catch {
    return false;
  }
}

/** Why a driver cannot work on a data root; undefined when it can. */
function refusal(name: DriverName, dataRoot: string): string | undefined {
  switch (name) {
    case 'overlay2': {
      const why = overlayRefusal(dataRoot);
      return why === undefined ? undefined : `driver not supported: ${why}`;
    }
    case 'fuse-overlayfs': return FuseOverlayfsDriver.supports() ? undefined : 'driver not supported: needs /dev/fuse and the program fuse-overlayfs';
    case 'btrfs': return BtrfsDriver.supports(dataRoot) ? undefined : 'prerequisites for driver not satisfied (wrong filesystem?)';
    case 'vfs': return undefined;
  }
}
