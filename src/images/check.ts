/** Images beside their layers, and layers beside their files. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { conflict } from '../errors.ts';
import { type Finding, leftover } from '../finding.ts';
import { type Digest, sha256 } from '../storage/digest.ts';
import { Pace } from '../storage/pace.ts';
import { removeTree } from '../storage/remove.ts';
import { ArchiveSpool } from './archive-spool.ts';
import { type ImageContext, tell } from './image-context.ts';
import { familiar } from './reference.ts';
import type { CheckedCache } from './service.ts';

export function checkImages(context: ImageContext, cache: CheckedCache): Finding[] {
  const { storage, images, keeper, temporaryRoot } = context;
  const damaged = storage.damagedLayers();
  return [
    ...storage.check(),
    ...[...damaged].map(([layer, what]) => damagedLayer(context, cache, layer, what)),
    ...[...images.all()].filter(({ id }) => sha256(images.configBytes(id)) !== id).map(({ id }) => damagedImage(context, cache, id)),
    ...keeper.unneeded().filter((layer) => !damaged.has(layer)).map((layer) => unneededLayer(context, layer)),
    ...readdirSync(temporaryRoot).filter((name) => !ArchiveSpool.inUse.has(join(temporaryRoot, name)))
      .map((name) => leftover(join(temporaryRoot, name), 'Part of an archive that was being loaded', () => removeTree(join(temporaryRoot, name)))),
  ];
}

/** Reads every layer: those whose archive is no longer what its digest says. Each stays while it is read. */
export async function verifyLayers(context: ImageContext, cache: CheckedCache): Promise<Finding[]> {
  const { storage, keeper } = context;
  const findings: Finding[] = [];
  const damaged = storage.damagedLayers();
  for (const { chainId, diffId } of storage.layers()) {
    if (damaged.has(chainId) || storage.layer(chainId) === undefined) continue;
    const release = keeper.hold(chainId);
    try {
      if ((await digestOf(storage.pack(chainId))) !== diffId) findings.push(damagedLayer(context, cache, chainId, 'files in it are not as they were'));
    } catch (error) {
      findings.push(damagedLayer(context, cache, chainId, (error as Error).message));
    } finally {
      release();
    }
  }
  return findings;
}

async function digestOf(archive: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hash = createHash('sha256');
  const pace = new Pace();
  for await (const piece of archive) {
    hash.update(piece);
    await pace.breathe();
  }
  return `sha256:${hash.digest('hex')}`;
}

function unneededLayer({ keeper }: ImageContext, layer: Digest): Finding {
  return {
    kind: 'layer', object: layer, problem: 'No image, container or build needs it.', reason: 'A daemon was killed while an image was being made or removed.',
    remedy: 'It is removed.', repair: async () => void (await keeper.free(layer)),
  };
}

function damagedImage(context: ImageContext, cache: CheckedCache, id: Digest): Finding {
  return {
    kind: 'image', object: describe(context, id), problem: 'Its configuration does not have the digest that it is known by.', reason: 'The database was changed by something else, or the disk has lost some of it.',
    remedy: 'The image is removed; pull or load it again.', repair: async () => discard(context, cache, (image) => image === id),
  };
}

function damagedLayer(context: ImageContext, cache: CheckedCache, layer: Digest, what: string): Finding {
  const images = imagesOn(context, layer).map((id) => describe(context, id));
  return {
    kind: 'layer', object: layer, problem: `${what}. ${images.length === 0 ? 'No image has it.' : `Images that have it: ${images.join(', ')}.`}`,
    reason: 'Something else has changed the data root, or the disk has lost some of it.',
    remedy: 'The images that have it are removed, with what building has kept of it; pull, load or build them again.',
    repair: async () => {
      const user = cache.usersOf((top) => hasLayer(context, top, layer));
      if (user !== undefined) throw conflict(`container ${user} is made of it: remove that first`, { object: user });
      const broken = new Set(imagesOn(context, layer));
      await discard(context, cache, (image) => broken.has(image), (top) => hasLayer(context, top, layer));
    },
  };
}

const imagesOn = (context: ImageContext, layer: Digest): Digest[] =>
  [...context.images.all()].filter(({ topLayer }) => hasLayer(context, topLayer, layer)).map(({ id }) => id);

function hasLayer({ storage }: ImageContext, top: Digest | null, layer: Digest): boolean {
  for (let next = top; next !== null; next = storage.layer(next)?.parent ?? null) if (next === layer) return true;
  return false;
}

const describe = ({ images }: ImageContext, id: Digest): string => images.references({ image: id }).map(familiar).join(', ') || id;

/** Takes away images with all their names, and what building keeps on layers; then the layers that nothing needs any more. */
async function discard(context: ImageContext, cache: CheckedCache, isImage: (id: Digest) => boolean, isOnLayer: (top: Digest) => boolean = () => false): Promise<void> {
  const { images, keeper } = context;
  const ids = [...images.all()].map(({ id }) => id).filter(isImage);
  images.transaction(() => {
    cache.forget(isOnLayer);
    for (const id of ids) {
      for (const reference of images.references({ image: id })) images.untag(reference);
      images.delete(id);
    }
  });
  for (const id of ids) tell(context, 'delete', id);
  await keeper.sweep();
}
