/** Whether a container may be created as asked (moby daemon/container.go verifyContainerSettings and what it calls). */
import { existsSync } from 'node:fs';
import { invalidParameter } from '../../errors.ts';
import { capabilityNames, normalizeCapabilities } from '../../linux/capabilities.ts';
import { rlimitOfUlimit } from '../../linux/rlimits.ts';
import type { ContainerConfig, HostConfig } from '../docker-types.ts';
import { parseDeviceRule } from './devices.ts';
import type { HostFacts } from './host.ts';
import { isValidMode, parseMode } from './modes.ts';
import { destinationProblem } from './mount-validation.ts';
import { validateMounts } from './mounts.ts';
import { timeOffsetsOf } from './namespaces.ts';
import { parseSecurityOptions } from './security-options.ts';
import { seccompFilter } from './seccomp.ts';
import { mergeTmpfsOptions, tmpfsWords } from './tmpfs-options.ts';
import { validateConfig } from './validate-config.ts';
import { validateNetworkMode } from './validate-network.ts';
import { validateRequestedResources, validateResources } from './validate-resources.ts';
import { validateRestartPolicy } from './validate-restart.ts';

/**
 * Checks a request whose HostConfig has its defaults (`adaptHostConfig`). Throws invalid-parameter (a user network that
 * does not exist: not-found) in Docker's words. Returns warnings; what a warning says is discarded is cleared in
 * `hostConfig`.
 */
export function validateCreate(config: ContainerConfig, hostConfig: HostConfig, host: HostFacts): string[] {
  validateIsolation(hostConfig.Isolation ?? '');
  validateRequestedResources(hostConfig, host);
  validateConfig(config);
  if (hostConfig.AutoRemove === true && !['', 'no'].includes(hostConfig.RestartPolicy?.Name ?? '')) {
    throw invalidParameter("can't create 'AutoRemove' container with restart policy");
  }
  validateMounts(hostConfig, existsSync);
  validateHosts(hostConfig.ExtraHosts ?? []);
  validateRestartPolicy(hostConfig.RestartPolicy);
  validateCapabilities(hostConfig, host);
  if (Object.hasOwn(hostConfig.Annotations ?? {}, '')) {
    throw invalidParameter('invalid Annotations: the empty string is not permitted as an annotation key');
  }
  validateNetworkMode(config, hostConfig);
  const warnings = validateResources(hostConfig, host, false);
  validateModes(hostConfig);
  validateNumbers(hostConfig);
  validateUserNamespace(hostConfig, host);
  validateUnsupported(hostConfig);
  validateOptions(hostConfig, host);
  return [...warnings, ...networkWarnings(hostConfig), ...namespaceWarnings(hostConfig, host), ...imageMountWarnings(hostConfig)];
}

const imageMountWarnings = ({ Mounts }: HostConfig): string[] => (Mounts ?? []).filter(({ Type }) => Type === 'image').map(() => 'Image mount is an experimental feature');

/** The same for an update of limits or of the restart policy. */
export function validateUpdate(request: HostConfig, host: HostFacts): string[] {
  validateRestartPolicy(request.RestartPolicy);
  const { CpuShares: shares = 0 } = request;
  if (shares < 0) throw invalidParameter(`invalid CPU shares (${shares}): value must be a positive integer`);
  return validateResources(request, host, true);
}

function validateHosts(entries: readonly string[]): void {
  for (const entry of entries) {
    const colon = entry.indexOf(':');
    const equals = entry.indexOf('=');
    const separator = equals >= 0 && (colon < 0 || equals < colon) ? equals : colon;
    if (separator <= 0 || separator === entry.length - 1)
      throw invalidParameter(`bad format for add-host: ${JSON.stringify(entry)}`);
    const address = entry.slice(separator + 1).replace(/^\[(.*)\]$/, '$1');
    if (address !== 'host-gateway' && !isAddress(address))
      throw invalidParameter(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  }
}

const isAddress = (text: string): boolean =>
  /^(\d{1,3}\.){3}\d{1,3}$/.test(text)
    ? text.split('.').every((part) => Number(part) < 256)
    : text.includes(':') && /^[0-9a-fA-F:.]+$/.test(text);

function validateCapabilities({ CapAdd, CapDrop }: HostConfig, host: HostFacts): void {
  wrapped('invalid CapAdd', () => normalizeCapabilities(CapAdd ?? [], host.capabilities));
  wrapped('invalid CapDrop', () => normalizeCapabilities(CapDrop ?? [], capabilityNames));
}

function wrapped(what: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    throw invalidParameter(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function validateIsolation(isolation: string): void {
  if (!['', 'default'].includes(isolation.toLowerCase()))
    throw invalidParameter(`invalid isolation (${isolation}): linux only supports 'default'`);
}

function validateModes({ IpcMode, PidMode, UTSMode, UsernsMode, CgroupnsMode }: HostConfig): void {
  if (!isValidMode('ipc', IpcMode)) throw invalidParameter(`invalid IPC mode: ${IpcMode}`);
  if (!isValidMode('pid', PidMode)) throw invalidParameter(`invalid PID mode: ${PidMode}`);
  if (!isValidMode('uts', UTSMode)) throw invalidParameter(`invalid UTS mode: ${UTSMode}`);
  if (!isValidMode('user', UsernsMode)) throw invalidParameter(`invalid USER mode: ${UsernsMode}`);
  if (!isValidMode('cgroup', CgroupnsMode)) throw invalidParameter(`invalid cgroup namespace mode: ${CgroupnsMode}`);
}

function validateNumbers({ ShmSize = 0, OomScoreAdj = 0, Ulimits }: HostConfig): void {
  if (ShmSize < 0) throw invalidParameter('SHM size can not be less than 0');
  if (OomScoreAdj < -1000 || OomScoreAdj > 1000) {
    throw invalidParameter(`Invalid value ${OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
  for (const { Name, Soft, Hard } of Ulimits ?? []) {
    if (rlimitOfUlimit(Name) === undefined) throw invalidParameter(`invalid ulimit type: ${Name}`);
    if (Hard !== -1 && (Soft === -1 || Soft > Hard)) {
      throw invalidParameter(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
    }
  }
}

/** What the host's namespaces would give a container's root that is nobody on the host. */
function validateUserNamespace(
  { UsernsMode, Privileged, NetworkMode, PidMode }: HostConfig,
  { remapped }: HostFacts,
): void {
  if (!remapped || UsernsMode === 'host') return;
  if (Privileged === true) {
    throw invalidParameter(
      'privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode',
    );
  }
  if (parseMode(NetworkMode).kind === 'host')
    throw invalidParameter("cannot share the host's network namespace when user namespaces are enabled");
  if (parseMode(PidMode).kind === 'host')
    throw invalidParameter('cannot share the host PID namespace when user namespaces are enabled');
}

/** Runtimes that mean this engine's own. */
const ownRuntimes = new Set(['', 'runc', 'caisson', 'io.containerd.runc.v2']);

function validateUnsupported({ DeviceRequests, Runtime = '', CgroupParent = '' }: HostConfig): void {
  if (!ownRuntimes.has(Runtime)) throw invalidParameter(`unknown or invalid runtime name: ${Runtime}`);
  const [request] = (DeviceRequests ?? []) as { Driver?: string; Capabilities?: string[][] | null }[];
  if (request !== undefined) {
    const capabilities = (request.Capabilities ?? []).map((all) => `[${all.join(' ')}]`).join(' ');
    throw invalidParameter(
      `could not select device driver ${JSON.stringify(request.Driver ?? '')} with capabilities: [${capabilities}]`,
    );
  }
  if (CgroupParent.includes('\0')) {
    throw invalidParameter(`invalid cgroup parent: ${JSON.stringify(CgroupParent)}`);
  }
}

/** Texts that are parsed again at start: what is wrong with them shows now. */
function validateOptions(hostConfig: HostConfig, host: HostFacts): void {
  const { seccomp } = parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  if (seccomp !== '') seccompFilter(seccomp, false, host.capabilities, host);
  for (const rule of hostConfig.DeviceCgroupRules ?? []) parseDeviceRule(rule);
  for (const [path, options] of Object.entries(hostConfig.Tmpfs ?? {})) {
    const problem = destinationProblem(path);
    if (problem !== undefined) throw invalidParameter(problem);
    mergeTmpfsOptions(tmpfsWords(options));
  }
  if (timeOffsetsOf(hostConfig) !== undefined && !host.timeNamespaces) {
    throw invalidParameter('this kernel has no time namespaces; they came with Linux 5.6 (CONFIG_TIME_NS)');
  }
}

function networkWarnings({ NetworkMode, PortBindings }: HostConfig): string[] {
  const discarded = parseMode(NetworkMode).kind === 'host' && Object.keys(PortBindings ?? {}).length > 0;
  return discarded ? ['Published ports are discarded when using host network mode'] : [];
}

function namespaceWarnings(hostConfig: HostConfig, host: HostFacts): string[] {
  if (hostConfig.CgroupnsMode !== 'private' || host.cgroupNamespaces) return [];
  hostConfig.CgroupnsMode = 'host';
  return ['Your kernel does not support cgroup namespaces.  Cgroup namespace setting discarded.'];
}
