/** Base images of a build: those that are here, and those that registries have. */
import type { ResolveImage } from '../../build/frontend/options.ts';
import { isClass } from '../../errors.ts';
import type { Platform } from '../../images/platform.ts';
import { familiar, parseReference, withDefaultTag } from '../../images/reference.ts';
import type { Credentials } from '../../images/registry/credentials.ts';
import type { Image, ImageService } from '../../images/service.ts';

/** How Docker's clients name Docker Hub. */
export const hubKey = 'https://index.docker.io/v1/';

export interface ResolveOptions {
  /** Registries are asked, whatever is here. */
  readonly pull: boolean;
  /** By the registry's name, as Docker's clients know it. */
  readonly credentials: (registry: string) => Promise<Credentials> | Credentials;
  readonly signal: AbortSignal;
}

export function createImageResolver(images: ImageService, { pull, credentials, signal }: ResolveOptions): ResolveImage {
  return async (name, platform, progress) => {
    const here = pull ? undefined : local(images, name, platform);
    if (here !== undefined) return here;
    const reference = withDefaultTag(parseReference(name));
    const records = images.pull({ reference, platform, credentials: await credentials(registryOf(reference.name)), signal });
    for await (const record of records) progress(record);
    return images.get(familiar(reference), platform);
  };
}

function local(images: ImageService, name: string, platform: Platform | undefined): Image | undefined {
  try {
    return images.get(name, platform);
  } catch (error) {
    if (isClass(error, 'not-found')) return undefined;
    throw error;
  }
}

export function registryOf(repository: string): string {
  const domain = repository.split('/', 1)[0]!;
  return domain === 'docker.io' ? hubKey : domain;
}
