/** Docker's profile format: a filter whose groups depend on capabilities, architecture and kernel. */
import { invalidParameter } from '../../errors.ts';
import type { Seccomp, SyscallArgument } from './types.ts';

/** What a group of calls depends on. */
export interface SyscallFilter {
  readonly caps?: readonly string[] | null;
  /** libseccomp's names: `amd64`, `arm64`, `x86` … */
  readonly arches?: readonly string[] | null;
  /** `4.8` */
  readonly minKernel?: string;
}

export interface SyscallGroup {
  /** The old form, one name. */
  readonly name?: string;
  readonly names?: readonly string[] | null;
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SyscallArgument[] | null;
  /** All of its capabilities, one of its architectures, and a kernel no older. */
  readonly includes?: SyscallFilter;
  /** Any of its capabilities, any of its architectures, or a kernel as new. */
  readonly excludes?: SyscallFilter;
}

/** Architectures to cover beside one that is the host's. */
export interface ArchitectureMapping {
  readonly architecture: string;
  readonly subArchitectures?: readonly string[] | null;
}

export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[] | null;
  readonly archMap?: readonly ArchitectureMapping[] | null;
  readonly flags?: readonly string[] | null;
  readonly syscalls?: readonly SyscallGroup[] | null;
}

/** Where a filter will be used. */
export interface ProfileTarget {
  /** The container's bounding set, full names. */
  readonly capabilities: readonly string[];
  /** As Node names it: `process.arch`. */
  readonly architecture: string;
  /** `uname -r`: `6.1.0-13-amd64` */
  readonly kernelRelease: string;
}

const nativeNames: Readonly<Record<string, { readonly libseccomp: string; readonly oci: string }>> = {
  x64: { libseccomp: 'amd64', oci: 'SCMP_ARCH_X86_64' },
  arm64: { libseccomp: 'arm64', oci: 'SCMP_ARCH_AARCH64' },
};

/** Parses a profile as a client sends it. Throws invalid-parameter when it is not JSON or no profile. */
export function parseProfile(text: string): SeccompProfile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalidParameter(`Decoding seccomp profile failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const problem = profileProblem(value);
  if (problem !== undefined) throw invalidParameter(`Decoding seccomp profile failed: ${problem}`);
  return value as SeccompProfile;
}

/**
 * The filter of a profile for one container. Undefined when the profile says nothing, which means none, as in Docker.
 * Throws invalid-parameter for a profile that contradicts itself.
 */
export function resolveProfile(profile: SeccompProfile, target: ProfileTarget): Seccomp | undefined {
  const groups = profile.syscalls ?? [];
  if ((profile.defaultAction ?? '') === '' && groups.length === 0) return undefined;
  const explicit = profile.architectures ?? [];
  const map = profile.archMap ?? [];
  if (explicit.length > 0 && map.length > 0) {
    const advice = "use either 'architectures' or 'archMap'";
    throw invalidParameter(`'architectures' and 'archMap' were specified in the seccomp profile, ${advice}`);
  }
  const native = nativeNames[target.architecture];
  const mapped = map.find((entry) => entry.architecture === native?.oci);
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: mapped === undefined ? [...explicit] : [mapped.architecture, ...(mapped.subArchitectures ?? [])],
    flags: [...(profile.flags ?? [])],
    syscalls: groups.filter((group) => applies(group, native?.libseccomp, target)).map(ruleOf),
  };
}

function applies(group: SyscallGroup, architecture: string | undefined, target: ProfileTarget): boolean {
  const { includes = {}, excludes = {} } = group;
  const has = (capability: string) => target.capabilities.includes(capability);
  const isArchitecture = (filter: SyscallFilter) => architecture !== undefined && (filter.arches ?? []).includes(architecture);
  const isKernel = (filter: SyscallFilter) => atLeast(target.kernelRelease, filter.minKernel ?? '');
  if (isArchitecture(excludes) || (excludes.caps ?? []).some(has)) return false;
  if (excludes.minKernel && isKernel(excludes)) return false;
  if ((includes.arches ?? []).length > 0 && !isArchitecture(includes)) return false;
  if (!(includes.caps ?? []).every(has)) return false;
  return !includes.minKernel || isKernel(includes);
}

function ruleOf(group: SyscallGroup): NonNullable<Seccomp['syscalls']>[number] {
  const names = group.names ?? [];
  if (group.name !== undefined && group.name !== '' && names.length > 0) {
    throw invalidParameter("'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'");
  }
  return {
    names: group.name !== undefined && group.name !== '' ? [group.name] : names,
    action: group.action,
    ...(group.errnoRet === undefined ? {} : { errnoRet: group.errnoRet }),
    ...((group.args ?? []).length === 0 ? {} : { args: group.args as readonly SyscallArgument[] }),
  };
}

/** Compares `kernel.major[.minor]` of two releases. */
function atLeast(release: string, wanted: string): boolean {
  const [have, want] = [versionOf(release), versionOf(wanted)];
  if (want === undefined) throw invalidParameter(`minKernel in the seccomp profile is no version: ${JSON.stringify(wanted)}`);
  return have !== undefined && (have[0] > want[0] || (have[0] === want[0] && have[1] >= want[1]));
}

function versionOf(release: string): readonly [number, number] | undefined {
  const match = /^(\d+)\.(\d+)/.exec(release);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

type Shape = 'string' | 'number' | 'strings' | Readonly<Record<string, unknown>> | readonly [Readonly<Record<string, unknown>>];

const filterShape = { caps: 'strings', arches: 'strings', minKernel: 'string' };
const argumentShape = { index: 'number', value: 'number', valueTwo: 'number', op: 'string' };
const groupShape = {
  name: 'string', names: 'strings', action: 'string', errnoRet: 'number', args: [argumentShape], includes: filterShape,
  excludes: filterShape,
};
const profileShape = {
  defaultAction: 'string', defaultErrnoRet: 'number', architectures: 'strings', flags: 'strings',
  archMap: [{ architecture: 'string', subArchitectures: 'strings' }], syscalls: [groupShape],
};

/**
 * What is wrong with a value from a client; fields that a profile does not have are left alone, and null is a missing
 * one.
 */
function profileProblem(value: unknown): string | undefined {
  return shapeProblem(value, profileShape, 'profile');
}

function shapeProblem(value: unknown, shape: Shape, where: string): string | undefined {
  if (value === null || value === undefined) return where === 'profile' ? 'it is empty' : undefined;
  if (shape === 'string' || shape === 'number') {
    const right = typeof value === shape && (shape === 'string' || (Number.isInteger(value) && (value as number) >= 0));
    return right ? undefined : `${where} must be a ${shape === 'string' ? 'string' : 'whole number that is not negative'}`;
  }
  if (shape === 'strings') {
    const right = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
    return right ? undefined : `${where} must be a list of strings`;
  }
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return `${where} must be a list`;
    const entries = value.map((entry: unknown) => entry ?? {}).entries();
    return first(entries, ([index, entry]) => shapeProblem(entry, shape[0] as Shape, `${where}[${index}]`));
  }
  if (typeof value !== 'object' || Array.isArray(value)) return `${where} must be an object`;
  const fields = value as Readonly<Record<string, unknown>>;
  const prefix = where === 'profile' ? '' : `${where}.`;
  return first(Object.entries(shape), ([name, inner]) => shapeProblem(fields[name], inner as Shape, `${prefix}${name}`));
}

function first<Item>(items: Iterable<Item>, problem: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = problem(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
