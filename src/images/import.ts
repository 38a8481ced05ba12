/** `docker import`: a root file system as an image of one layer. */
import { invalidParameter } from '../errors.ts';
import { type Digest, sha256 } from '../storage/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { decompress } from '../storage/tar/compression.ts';
import { applyChanges } from './changes.ts';
import { hostArchitecture, parseConfig } from './config.ts';
import type { ImageTable } from './image-table.ts';
import type { LayerKeeper } from './layer-keeper.ts';
import { taggedReference, withDefaultTag } from './reference.ts';

export interface ImportOptions {
  /** Empty for an image without a name. */
  readonly repo: string;
  readonly tag: string;
  readonly message: string;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
  /** `os[/architecture[/variant]]`, or empty for this machine's. */
  readonly platform: string;
}

export interface ImportContext {
  readonly storage: StorageDriver;
  readonly images: ImageTable;
  readonly keeper: LayerKeeper;
}

/** What can be refused is refused before the archive is read. */
export async function importImage(
  { storage, images, keeper }: ImportContext,
  tar: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<Digest> {
  const reference = options.repo === '' ? undefined : withDefaultTag(taggedReference(options.repo, options.tag));
  if (reference?.digest !== undefined) throw invalidParameter('cannot import digest reference');
  const platform = parsePlatform(options.platform);
  const config = applyChanges({}, options.changes);
  const layer = await storage.unpack(null, decompress(tar));
  const release = keeper.hold(layer.chainId);
  try {
    const created = new Date().toISOString();
    const bytes = Buffer.from(
      JSON.stringify({
        ...platform,
        comment: options.message,
        created,
        config,
        history: [{ created, comment: options.message }],
        rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      }),
    );
    const id = sha256(bytes);
    images.transaction(() => {
      if (!images.get(id))
        images.add(
          { id, config: parseConfig(bytes), topLayer: layer.chainId, parent: null, lastTagTime: created },
          bytes,
        );
      if (reference) images.tag(reference, id, created);
    });
    return id;
  } finally {
    release();
    // Stays when the image is there; a failed transaction leaves a layer that nothing needs.
    await keeper.free(layer.chainId);
  }
}

function parsePlatform(text: string): { architecture: string; os: string; variant?: string } {
  const [os = '', architecture, variant, ...more] = text.toLowerCase().split('/');
  if (text === '') return { architecture: hostArchitecture(), os: 'linux' };
  if (more.length > 0 || os === '' || architecture === '' || variant === '') {
    throw invalidParameter(`"${text}": unknown operating system or architecture: invalid argument`, { object: text });
  }
  if (os !== 'linux') throw invalidParameter(`operating system is not supported: ${os}`, { object: text });
  return { architecture: architecture ?? hostArchitecture(), os, ...(variant ? { variant } : {}) };
}
