/** `docker update`: other limits, or another restart policy, for a container that runs and for one that does not. */
import { conflict, invalidParameter, isClass, systemError } from '../errors.ts';
import { applyWrites } from '../linux/cgroup/apply.ts';
import type { OciResources } from '../runtime/oci.ts';
import { cgroupPathOf } from './cgroup-path.ts';
import type { Container } from './container.ts';
import { isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';
import type { HostConfig, Resources } from './docker-types.ts';
import { resourcesOf } from './spec/resources.ts';
import { validateUpdate } from './spec/validate.ts';

/** Null when there are none, as Docker answers. */
export interface UpdateAnswer {
  readonly Warnings: string[] | null;
}

/**
 * Zero, empty and missing fields leave what they name as it is. Throws invalid-parameter for what a creation is refused for too,
 * conflict for what contradicts the limits that are there, system for what the kernel refuses; nothing has changed then.
 */
export async function updateContainer(context: EngineContext, ref: string, request: HostConfig): Promise<UpdateAnswer> {
  const warnings = validateUpdate(request, context.host);
  const container = context.registry.get(ref);
  const update = async () => applyUpdate(context, container, request);
  // A start under way has read the old limits: the new ones are for the process that it makes. A stop that waits for its timeout
  // holds nothing up.
  await (isAlive(container.state) ? update() : container.exclusively(update));
  return { Warnings: warnings.length === 0 ? null : warnings };
}

/** At once, from beginning to end: no start or stop comes in between. */
function applyUpdate(context: EngineContext, container: Container, request: HostConfig): void {
  const { record } = container;
  if (container.removing || record.state.status === 'dead') {
    throw refused(container, conflict('container is marked for removal and cannot be "update"'));
  }
  const before = record.hostConfig;
  checkConflicts(container, request);
  record.hostConfig = { ...before, ...changesOf(request) };
  try {
    context.registry.save(container);
    if (isAlive(record.state)) writeLimits(context, container, request);
  } catch (error) {
    record.hostConfig = before;
    context.registry.saveIfPossible(container);
    throw refused(container, error);
  } finally {
    context.events.publish('container', 'update', record.id, container.eventAttributes());
  }
}

function refused({ id }: Container, error: unknown): Error {
  const message = `Cannot update container ${id}: ${error instanceof Error ? error.message : String(error)}`;
  return isClass(error, 'conflict') ? conflict(message, { cause: error }) : systemError(message, { object: id, cause: error });
}

/** What contradicts the limits that the container has (moby container_unix.go UpdateContainer). */
function checkConflicts(container: Container, request: HostConfig): void {
  const has = container.record.hostConfig;
  const refuse = (message: string): never => {
    throw refused(container, conflict(message));
  };
  const isSet = (value: number | undefined) => value !== undefined && value > 0;
  const clash = (asked: string, there: string) => refuse(`Conflicting options: ${asked} cannot be updated as ${there} has already been set`);
  if (isSet(request.NanoCpus) && isSet(has.CpuPeriod)) clash('Nano CPUs', 'CPU Period');
  if (isSet(request.NanoCpus) && isSet(has.CpuQuota)) clash('Nano CPUs', 'CPU Quota');
  if (isSet(request.CpuPeriod) && isSet(has.NanoCpus)) clash('CPU Period', 'NanoCPUs');
  if (isSet(request.CpuQuota) && isSet(has.NanoCpus)) clash('CPU Quota', 'NanoCPUs');
  if (request.Memory && request.Memory > (has.MemorySwap ?? 0) && !request.MemorySwap) {
    refuse('Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time');
  }
  if (request.RestartPolicy?.Name && request.RestartPolicy.Name !== 'no' && has.AutoRemove) {
    refuse('Restart policy cannot be updated because AutoRemove is enabled for the container');
  }
}

/** Limits that can be changed; devices and their rates, ulimits and the like are of a container's beginning. */
const changeable = [
  'BlkioWeight', 'CpuShares', 'NanoCpus', 'CpuPeriod', 'CpuQuota', 'CpusetCpus', 'CpusetMems', 'Memory', 'MemorySwap',
  'MemoryReservation', 'KernelMemory', 'CpuRealtimePeriod', 'CpuRealtimeRuntime',
] as const satisfies readonly (keyof Resources)[];

function changesOf(request: HostConfig): HostConfig {
  const changes: HostConfig = Object.fromEntries(changeable.filter((name) => request[name]).map((name) => [name, request[name]]));
  if (request.PidsLimit !== null && request.PidsLimit !== undefined) changes.PidsLimit = request.PidsLimit;
  if (request.RestartPolicy?.Name) changes.RestartPolicy = { MaximumRetryCount: 0, ...request.RestartPolicy };
  return changes;
}

/** Of a container that runs. Real-time processor time is for its next start, as with Docker. */
function writeLimits(context: EngineContext, container: Container, request: HostConfig): void {
  const limits = limitsOf(request, container.record.hostConfig);
  try {
    applyWrites(context.cgroups.limitWrites(cgroupPathOf(context, container), limits));
  } catch (error) {
    // Docker shows what runc has said.
    throw systemError(`runc did not terminate successfully: exit status 1: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** What was asked for; with each limit the ones that it stands in one file with, or is checked against. */
function limitsOf(request: HostConfig, merged: HostConfig): OciResources {
  const { BlkioWeight, CpuShares, CpusetCpus, CpusetMems, MemoryReservation, PidsLimit } = request;
  const { Memory, MemorySwap, NanoCpus, CpuPeriod, CpuQuota } = merged;
  const oci = resourcesOf({
    ...given({ BlkioWeight, CpuShares, CpusetCpus, CpusetMems, MemoryReservation }),
    ...(request.Memory || request.MemorySwap ? given({ Memory, MemorySwap }) : {}),
    ...(request.NanoCpus || request.CpuPeriod || request.CpuQuota ? given({ NanoCpus, CpuPeriod, CpuQuota }) : {}),
  }, [], () => {
    throw invalidParameter('devices of a container cannot be updated');
  });
  return PidsLimit === null || PidsLimit === undefined ? oci : { ...oci, pids: { limit: PidsLimit > 0 ? PidsLimit : -1 } };
}

const given = <T extends object>(fields: T): Partial<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
