/**
 * `docker rmi`: which references and images go, and why one may not (moby daemon/images/image_delete.go has the rules).
 */
import { conflict } from '../errors.ts';
import type { Digest } from '../storage/digest.ts';
import type { ImageTable } from './image-table.ts';
import type { LayerKeeper } from './layer-keeper.ts';
import { familiar, parseReference, type Reference, withDefaultTag } from './reference.ts';
import type { RemovedImage } from './service.ts';

/** The containers that use an image. */
export type UsedBy = (imageId: Digest) => readonly { id: string; running: boolean }[];

export interface RemovalContext {
  readonly images: ImageTable;
  readonly keeper: LayerKeeper;
  readonly usedBy: UsedBy;
}

interface Removal extends RemovalContext {
  readonly force: boolean;
  readonly prune: boolean;
  readonly removed: RemovedImage[];
}

/** Removes what `name` means: a reference, and the image when it was the last one; or an image by its id. */
export async function removeImage(
  context: RemovalContext,
  id: Digest,
  name: string,
  options: { force: boolean; prune: boolean },
): Promise<RemovedImage[]> {
  const removal: Removal = { ...context, ...options, removed: [] };
  const references = removal.images.references({ image: id });
  let quiet = false;
  if (!isIdPrefix(id, name)) {
    if (!options.force && isSingle(references)) checkReferenceUnused(removal, id, name);
    untagWithDigests(removal, id, withDefaultTag(parseReference(name)));
    if (removal.images.references({ image: id }).length > 0) return removal.removed;
    quiet = true;
  } else if (isSingle(references)) {
    const reason = conflictOf(removal, id, { force: options.force, references: false });
    if (reason) throw conflict(reason.message, { object: id });
    for (const reference of references) untag(removal, reference);
  }
  await deleteImage(removal, id, options.force, quiet);
  return removal.removed;
}

/** An image that a container uses must not lose its only name by accident. */
function checkReferenceUnused({ usedBy }: Removal, id: Digest, name: string): void {
  const user = usedBy(id)[0];
  if (!user) return;
  throw conflict(
    `conflict: unable to remove repository reference "${name}" (must force) - container ${short(user.id)} is using its referenced image ${short(id)}`,
    { object: name },
  );
}

/** Digest references of a repository go with its last tag. */
function untagWithDigests(removal: Removal, id: Digest, reference: Reference): void {
  untag(removal, reference);
  if (reference.digest !== undefined) return;
  const same = removal.images.references({ image: id }).filter(({ name }) => name === reference.name);
  if (same.every(({ digest }) => digest !== undefined)) for (const other of same) untag(removal, other);
}

function untag({ images, removed }: Removal, reference: Reference): void {
  images.untag(reference);
  removed.push({ Untagged: familiar(reference) });
}

async function deleteImage(removal: Removal, id: Digest, force: boolean, quiet: boolean): Promise<void> {
  const { images, keeper, removed } = removal;
  const reason = conflictOf(removal, id, { force, references: true });
  if (reason) {
    const dangling = images.references({ image: id }).length === 0 && children(images, id).length === 0;
    // The name is gone, which is what was asked for, unless an image without any name would be left behind unnoticed.
    if (quiet && (!dangling || reason.used)) return;
    throw conflict(reason.message, { object: id });
  }
  const { parent, topLayer } = images.get(id)!;
  images.transaction(() => {
    for (const reference of images.references({ image: id })) untag(removal, reference);
    images.delete(id);
  });
  removed.push({ Deleted: id });
  for (const layer of await keeper.free(topLayer)) removed.push({ Deleted: layer });
  if (removal.prune && parent !== null && images.get(parent)) await deleteImage(removal, parent, false, true);
}

interface Conflict {
  readonly message: string;
  /** A container is the reason. */
  readonly used: boolean;
}

/** Why an image may not be deleted. Children and running containers are reasons even with force. */
function conflictOf(
  { images, usedBy }: Removal,
  id: Digest,
  check: { force: boolean; references: boolean },
): Conflict | undefined {
  const reason = (how: 'cannot be forced' | 'must be forced', why: string, used: boolean) => ({
    message: `conflict: unable to delete ${short(id)} (${how}) - ${why}`,
    used,
  });
  if (children(images, id).length > 0) return reason('cannot be forced', 'image has dependent child images', false);
  const users = usedBy(id);
  const running = users.find((user) => user.running);
  if (running) return reason('cannot be forced', `image is being used by running container ${short(running.id)}`, true);
  if (check.force) return undefined;
  if (check.references && images.references({ image: id }).length > 0)
    return reason('must be forced', 'image is referenced in multiple repositories', false);
  const stopped = users.find((user) => !user.running);
  return stopped && reason('must be forced', `image is being used by stopped container ${short(stopped.id)}`, true);
}

function children(images: ImageTable, id: Digest): Digest[] {
  return [...images.all()].filter((image) => image.parent === id).map((image) => image.id);
}

/** Docker's short form of an id. */
const short = (id: string) => id.replace(/^sha256:/, '').slice(0, 12);

const isIdPrefix = (id: Digest, name: string) => id.startsWith(name) || id.slice('sha256:'.length).startsWith(name);

/** True when all references are in one repository with at most one tag. */
function isSingle(references: readonly Reference[]): boolean {
  if (references.length <= 1) return references.length === 1;
  const tagged = references.filter(({ digest }) => digest === undefined);
  const repositories = new Set(references.filter(({ digest }) => digest !== undefined).map(({ name }) => name));
  if (tagged.length > 1 || repositories.size !== 1) return false;
  return repositories.has((tagged[0] ?? references[0]!).name);
}
