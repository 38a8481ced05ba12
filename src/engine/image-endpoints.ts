/** What the API asks of images, in Docker's shapes. */
import { commitContainer } from './commit.ts';
import type { EngineContext } from './context.ts';
import type { ImageEndpoints } from './engine.ts';
import { imageHistory, inspectImage } from './image-inspect.ts';
import { listImages } from './image-list.ts';
import { createImagePruner } from './image-prune.ts';
import { usersOf } from './image-users.ts';

export function createImageEndpoints(context: EngineContext): ImageEndpoints {
  const { images } = context;
  return {
    service: images,
    list: async (request) => listImages(context, request),
    inspect: async (name, platform) => inspectImage(context, images.get(name, platform)),
    history: async (name, platform) => imageHistory(context, images.get(name, platform)),
    remove: (name, options) => images.remove(name, options, usersOf(context)),
    prune: createImagePruner(context),
    commit: (request) => commitContainer(context, request),
  };
}
