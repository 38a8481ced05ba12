/** `Resources` of a HostConfig as the OCI runtime configuration states them. */
import { invalidParameter } from '../../errors.ts';
import { rlimitOfUlimit } from '../../linux/rlimits.ts';
import type { OciDeviceRule, OciResources, OciRlimit, OciThrottle } from '../../runtime/oci.ts';
import type { Resources, ThrottleDevice, Ulimit } from '../docker-types.ts';

/** Device number of a block device at a host path; throws when there is none. */
export type BlockDevice = (path: string) => { readonly major: number; readonly minor: number };

/** The period that `--cpus` is measured in, in microseconds. */
const nanoCpusPeriod = 100_000;

/** Only what was asked for: a limit that is not set costs no write. Device rules come from elsewhere. */
export function resourcesOf(
  resources: Resources,
  devices: readonly OciDeviceRule[],
  blockDevice: BlockDevice,
): OciResources {
  return {
    devices,
    ...memoryOf(resources),
    ...cpuOf(resources),
    ...pidsOf(resources),
    ...blockIoOf(resources, blockDevice),
  };
}

/** Leaves out what is undefined; undefined for an object that has nothing. */
function present<T extends object>(fields: T): T | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as T);
}

const positive = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 ? value : undefined;
/** The most a rate can be; clients say "unlimited" with it, and a double is rounded up to one more. */
const maxRate = 2 ** 64 - 2 ** 11;
const nonZero = (value: number | undefined): number | undefined => (value ? value : undefined);

function memoryOf(r: Resources): Pick<OciResources, 'memory'> {
  const memory = present({
    limit: positive(r.Memory),
    reservation: positive(r.MemoryReservation),
    swap: positive(r.MemorySwap) ?? (positive(r.Memory) !== undefined && r.MemorySwap === -1 ? -1 : undefined),
    swappiness:
      r.MemorySwappiness !== null && r.MemorySwappiness !== undefined && r.MemorySwappiness >= 0
        ? r.MemorySwappiness
        : undefined,
    disableOOMKiller: r.OomKillDisable === true ? true : undefined,
  });
  return memory === undefined ? {} : { memory };
}

function cpuOf(r: Resources): Pick<OciResources, 'cpu'> {
  const nano = positive(r.NanoCpus);
  const cpu = present({
    shares: positive(r.CpuShares),
    quota: nano === undefined ? nonZero(r.CpuQuota) : Math.floor((nano * nanoCpusPeriod) / 1e9),
    period: nano === undefined ? nonZero(r.CpuPeriod) : nanoCpusPeriod,
    realtimeRuntime: nonZero(r.CpuRealtimeRuntime),
    realtimePeriod: nonZero(r.CpuRealtimePeriod),
    cpus: r.CpusetCpus || undefined,
    mems: r.CpusetMems || undefined,
  });
  return cpu === undefined ? {} : { cpu };
}

/** Zero and negative mean unlimited, which is how a new group begins. */
function pidsOf(r: Resources): Pick<OciResources, 'pids'> {
  const limit = positive(r.PidsLimit ?? undefined);
  return limit === undefined ? {} : { pids: { limit } };
}

function blockIoOf(r: Resources, blockDevice: BlockDevice): Pick<OciResources, 'blockIO'> {
  const throttle = (devices: ThrottleDevice[] | null | undefined): OciThrottle[] | undefined =>
    devices?.length ? devices.map(({ Path, Rate }) => ({ ...blockDevice(Path), rate: Math.min(Rate, maxRate) })) : undefined;
  const blockIO = present({
    weight: positive(r.BlkioWeight),
    weightDevice: r.BlkioWeightDevice?.length
      ? r.BlkioWeightDevice.map(({ Path, Weight }) => ({ ...blockDevice(Path), weight: Weight }))
      : undefined,
    throttleReadBpsDevice: throttle(r.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttle(r.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttle(r.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttle(r.BlkioDeviceWriteIOps),
  });
  return blockIO === undefined ? {} : { blockIO };
}

/** `--ulimit`. Throws invalid-parameter for a name that does not exist. */
export function rlimitsOf(ulimits: readonly Ulimit[]): OciRlimit[] {
  return ulimits.map(({ Name, Soft, Hard }) => {
    const type = rlimitOfUlimit(Name);
    if (type === undefined) throw invalidParameter(`invalid ulimit type: ${Name}`);
    return { type, soft: Soft, hard: Hard };
  });
}
