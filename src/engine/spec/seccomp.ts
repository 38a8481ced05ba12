/** The container's seccomp filter: which profile, and the program assembled from it. */
import { assembleSeccomp } from '../../linux/seccomp/assemble.ts';
import { defaultProfile } from '../../linux/seccomp/default-profile.ts';
import { parseProfile, resolveProfile } from '../../linux/seccomp/profile.ts';
import type { OciSeccomp } from '../../runtime/oci.ts';
import type { HostFacts } from './host.ts';

export interface SeccompFilter {
  readonly config: OciSeccomp | undefined;
  /** Null: unconfined. */
  readonly program: Uint8Array | null;
}

const unconfined: SeccompFilter = { config: undefined, program: null };

/** Resolving and assembling costs a millisecond; containers mostly share a profile and a capability set. */
const cache = new Map<string, SeccompFilter>();
const cacheSize = 64;

/**
 * `profile` as in SecurityOptions; `privileged` containers are unconfined unless a profile is asked for. Throws
 * invalid-parameter for text that is no profile.
 */
export function seccompFilter(
  profile: string,
  privileged: boolean,
  capabilities: readonly string[],
  host: HostFacts,
): SeccompFilter {
  if (profile === 'unconfined' || (profile === '' && privileged)) return unconfined;
  const text = profile === 'builtin' ? '' : profile;
  const key = `${capabilities.join(' ')}\n${text}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const { architecture, kernelRelease } = host;
  const resolved = resolveProfile(text === '' ? defaultProfile : parseProfile(text), {
    capabilities,
    architecture,
    kernelRelease,
  });
  const filter =
    resolved === undefined ? unconfined : { config: resolved, program: assembleSeccomp(resolved) };
  if (cache.size >= cacheSize) cache.delete(cache.keys().next().value ?? '');
  cache.set(key, filter);
  return filter;
}
