/** `GET /distribution/{name}/json`: what a registry has under a name, without fetching it. */
import { systemError } from '../errors.ts';
import { parseConfig } from './config.ts';
import type { Platform } from './platform.ts';
import { parseReference, withDefaultTag } from './reference.ts';
import type { Credentials } from './registry/credentials.ts';
import { mediaTypes, type Manifest, parseManifest } from './registry/manifest.ts';
import type { Registries } from './registry/registries.ts';
import type { Repository } from './registry/repository.ts';

/** Docker's registry.DistributionInspect. */
export interface Distribution {
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly Platforms: readonly { readonly architecture: string; readonly os: string; readonly variant?: string }[] | null;
}

const maxConfig = 8 * 1024 * 1024;

export async function describeImage(registries: Registries, name: string, credentials: Credentials, signal: AbortSignal): Promise<Distribution> {
  if (/^[0-9a-f]{64}$/.test(name)) throw systemError('no manifest found for full image ID', { object: name });
  const reference = withDefaultTag(parseReference(name));
  return registries.with({ name: reference.name, purpose: 'pull', credentials, signal, byTag: reference.digest === undefined }, async (repository) => {
    const asked = reference.digest ?? (await repository.resolve(reference.tag!, signal)) ?? reference.tag!;
    const { bytes, digest, contentType } = await repository.manifest(asked, signal);
    const manifest = parseManifest(bytes, contentType);
    const platforms = await platformsOf(repository, manifest, signal);
    return { Descriptor: { mediaType: manifest.mediaType, digest, size: bytes.length }, Platforms: platforms?.map(shown) ?? null };
  });
}

/** An OCI image's would take fetching its configuration, which Docker does for its own form only. */
async function platformsOf(repository: Repository, manifest: Manifest, signal: AbortSignal): Promise<Platform[] | undefined> {
  if (manifest.kind === 'index') return manifest.manifests.flatMap(({ platform }) => platform ?? []);
  if (manifest.mediaType !== mediaTypes.dockerManifest) return undefined;
  const { os, architecture, variant } = parseConfig(await repository.blob(manifest.config.digest, maxConfig, signal));
  return [{ os, architecture, variant: variant ?? '' }];
}

const shown = ({ os, architecture, variant }: Platform) => ({ architecture, os, ...(variant === '' ? {} : { variant }) });
