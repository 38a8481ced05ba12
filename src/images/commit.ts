/** `docker commit`: what a container has changed, as a layer on its image. */
import { type Digest, sha256 } from '../storage/digest.ts';
import { hostArchitecture, parseConfig } from './config.ts';
import { findImage } from './find-image.ts';
import { addImage, type ImageContext, tell, tellTag, timestamp } from './image-context.ts';
import { familiar, nameForNewImage } from './reference.ts';
import { type CommitRequest, type ImageConfigJson, zeroTime } from './service.ts';
import { version } from '../version.ts';

/** Only what the container has written is read and hashed, however large its image is. */
export async function commitImage(
  context: ImageContext,
  request: CommitRequest,
): Promise<{ id: Digest; reference: string }> {
  const { storage, images, keeper } = context;
  const reference = nameForNewImage(request.repo, request.tag);
  const parent = request.parent === null ? undefined : findImage(images, request.parent);
  const releaseParent = request.topLayer === null ? undefined : keeper.hold(request.topLayer);
  let topLayer = request.topLayer;
  try {
    const layer = await storage.commitRoot(request.container, request.topLayer, request.owner);
    topLayer = layer?.chainId ?? request.topLayer;
    const bytes = Buffer.from(JSON.stringify(configOf(request, parent?.config, layer?.diffId)));
    const id = sha256(bytes);
    addImage(
      context,
      { id, config: parseConfig(bytes), topLayer, parent: parent?.id ?? null, lastTagTime: zeroTime },
      bytes,
      reference,
    );
    tell(context, 'create', id);
    if (reference) tellTag(context, reference, id);
    return { id, reference: reference ? familiar(reference) : '' };
  } finally {
    releaseParent?.();
    // Stays when the image is there.
    await keeper.free(topLayer);
  }
}

/** The fields in the order in which Docker writes them. `diffId` is undefined when nothing was written. */
function configOf(request: CommitRequest, parent: ImageConfigJson | undefined, diffId: Digest | undefined): object {
  const created = timestamp();
  const { author, comment } = request;
  const command = request.containerConfig['Cmd'];
  return {
    architecture: parent?.architecture || hostArchitecture(),
    ...(parent?.variant ? { variant: parent.variant } : {}),
    ...(author === '' ? {} : { author }),
    config: request.config,
    container: request.container,
    container_config: request.containerConfig,
    created,
    docker_version: version,
    history: [
      ...(parent?.history ?? []),
      {
        created,
        ...(Array.isArray(command) && command.length > 0 ? { created_by: command.join(' ') } : {}),
        ...(author === '' ? {} : { author }),
        ...(comment === '' ? {} : { comment }),
        ...(diffId === undefined ? { empty_layer: true } : {}),
      },
    ],
    os: parent?.os ?? 'linux',
    ...keep(parent, 'os.version', 'os.features'),
    rootfs: { type: 'layers', diff_ids: [...(parent?.rootfs.diff_ids ?? []), ...(diffId === undefined ? [] : [diffId])] },
  };
}

function keep(config: ImageConfigJson | undefined, ...names: readonly string[]): object {
  const all = (config ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(names.filter((name) => all[name] !== undefined).map((name) => [name, all[name]]));
}
