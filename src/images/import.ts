/** `docker import`: a root file system as an image of one layer. */
import { invalidParameter } from '../errors.ts';
import { type Digest, sha256 } from '../storage/digest.ts';
import { decompress } from '../storage/tar/compression.ts';
import { version } from '../version.ts';
import { applyChanges } from './changes.ts';
import { hostPlatform, parseConfig } from './config.ts';
import { addImage, type ImageContext, tell, tellTag, timestamp } from './image-context.ts';
import { parsePlatform } from './platform.ts';
import { nameForNewImage } from './reference.ts';
import { type ImportRequest, zeroTime } from './service.ts';

/** What can be refused is refused before the archive is read. */
export async function importImage(
  context: ImageContext,
  tar: AsyncIterable<Uint8Array>,
  request: ImportRequest,
): Promise<Digest> {
  const { storage, keeper } = context;
  const reference = nameForNewImage(request.repo, request.tag);
  const platform = platformOf(request.platform);
  const config = applyChanges({}, request.changes);
  const layer = await storage.unpack(null, decompress(tar));
  const release = keeper.hold(layer.chainId);
  try {
    const created = timestamp();
    const bytes = Buffer.from(
      JSON.stringify({
        ...platform,
        comment: request.message,
        created,
        config,
        docker_version: version,
        history: [{ created, comment: request.message }],
        rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      }),
    );
    const id = sha256(bytes);
    addImage(
      context,
      { id, config: parseConfig(bytes), topLayer: layer.chainId, parent: null, lastTagTime: zeroTime },
      bytes,
      reference,
    );
    if (reference) tellTag(context, reference, id);
    tell(context, 'import', id);
    return id;
  } finally {
    release();
    // Stays when the image is there; a failed transaction leaves a layer that nothing needs.
    await keeper.free(layer.chainId);
  }
}

function platformOf(text: string): { architecture: string; os: string; variant?: string } {
  const { os, architecture, variant } = text === '' ? hostPlatform() : parsePlatform(text, hostPlatform());
  if (os !== 'linux') throw invalidParameter('operating system is not supported', { object: text });
  return { architecture, os, ...(variant === '' ? {} : { variant }) };
}
