/** Base images of a build: those that are here, and those that registries have. */
import type { ClassicBuildRequest } from '../../build/classic/build.ts';
import type { ResolveImage } from '../../build/frontend/options.ts';
import { isClass } from '../../errors.ts';
import type { Platform } from '../../images/platform.ts';
import { familiar, parseReference, withDefaultTag } from '../../images/reference.ts';
import { anonymous, type Credentials } from '../../images/registry/credentials.ts';
import type { Image, ImageService } from '../../images/service.ts';

/** How Docker's clients name Docker Hub. */
const hubKey = 'https://index.docker.io/v1/';

export function createImageResolver(images: ImageService, { pull, credentials, signal }: ClassicBuildRequest): ResolveImage {
  return async (name, platform, progress) => {
    const here = pull ? undefined : local(images, name, platform);
    if (here !== undefined) return here;
    const reference = withDefaultTag(parseReference(name));
    const records = images.pull({ reference, platform, credentials: credentialsFor(reference.name, credentials), signal });
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

function credentialsFor(repository: string, credentials: ReadonlyMap<string, Credentials>): Credentials {
  const domain = repository.split('/', 1)[0]!;
  return credentials.get(domain === 'docker.io' ? hubKey : domain) ?? anonymous;
}
