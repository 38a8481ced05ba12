/**
 * `docker rmi`: which references and images go, and why one may not (moby daemon/images/image_delete.go has the rules).
 * Whatever goes, goes in one transaction; files and events follow.
 */
import { conflict } from '../errors.ts';
import type { Digest } from '../storage/digest.ts';
import { type ImageContext, tell } from './image-context.ts';
import { familiar, parseReference, type Reference, withDefaultTag } from './reference.ts';
import type { RemovedImage, RemoveOptions, UsedBy } from './service.ts';

/** One removal while it is decided. */
interface Removal extends RemoveOptions {
  readonly context: ImageContext;
  readonly usedBy: UsedBy;
  readonly removed: RemovedImage[];
  readonly goneLayers: Set<Digest>;
  /** To be done when the transaction is over: events, files. */
  readonly after: (() => Promise<void> | void)[];
}

/** Removes what `name` means: a reference, and the image when it was the last one; or an image by its id. */
export async function removeImage(
  context: ImageContext,
  id: Digest,
  name: string,
  options: RemoveOptions,
  usedBy: UsedBy,
): Promise<RemovedImage[]> {
  const { force, prune } = options;
  const removal: Removal = { context, usedBy, force, prune, removed: [], goneLayers: new Set(), after: [] };
  context.images.transaction(() => removeNamed(removal, id, name));
  for (const action of removal.after) await action();
  return removal.removed;
}

function removeNamed(removal: Removal, id: Digest, name: string): void {
  const { images } = removal.context;
  const references = images.references({ image: id });
  let quiet = false;
  if (!isIdPrefix(id, name)) {
    if (!removal.force && isSingle(references)) checkReferenceUnused(removal, id, name);
    untagWithDigests(removal, id, withDefaultTag(parseReference(name)));
    if (images.references({ image: id }).length > 0) return;
    quiet = true;
  } else if (isSingle(references)) {
    const reason = conflictOf(removal, id, { force: removal.force, references: false });
    if (reason) throw conflict(reason.message, { object: id });
    for (const reference of references) untag(removal, id, reference);
  }
  deleteImage(removal, id, removal.force, quiet);
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
  untag(removal, id, reference);
  if (reference.digest !== undefined) return;
  const same = removal.context.images.references({ image: id }).filter(({ name }) => name === reference.name);
  if (same.every(({ digest }) => digest !== undefined)) for (const other of same) untag(removal, id, other);
}

function untag({ context, removed, after }: Removal, id: Digest, reference: Reference): void {
  const labels = context.images.get(id)?.config.config?.['Labels'] as Record<string, string> | null | undefined;
  context.images.untag(reference);
  removed.push({ Untagged: familiar(reference) });
  // Told with the labels it has now, as it may be gone by then.
  after.push(() => context.listener('untag', id, { ...labels, name: id }));
}

function deleteImage(removal: Removal, id: Digest, force: boolean, quiet: boolean): void {
  const { context, removed, after } = removal;
  const { images, keeper } = context;
  const reason = conflictOf(removal, id, { force, references: true });
  if (reason) {
    const dangling = images.references({ image: id }).length === 0 && images.children(id).length === 0;
    // The name is gone, which is what was asked for, unless an image without any name would be left behind unnoticed.
    if (quiet && (!dangling || reason.used)) return;
    throw conflict(reason.message, { object: id });
  }
  const { parent, topLayer } = images.get(id)!;
  for (const reference of images.references({ image: id })) untag(removal, id, reference);
  images.delete(id);
  const layers = keeper.forget(topLayer, removal.goneLayers);
  for (const layer of layers.removed) removal.goneLayers.add(layer);
  removed.push({ Deleted: id }, ...layers.removed.map((layer) => ({ Deleted: layer })));
  after.push(() => tell(context, 'delete', id), layers.discard);
  if (removal.prune && parent !== null && images.get(parent)) deleteImage(removal, parent, false, true);
}

interface Conflict {
  readonly message: string;
  /** A container is the reason. */
  readonly used: boolean;
}

/** Why an image may not be deleted. Children and running containers are reasons even with force. */
function conflictOf(
  { context: { images }, usedBy }: Removal,
  id: Digest,
  check: { force: boolean; references: boolean },
): Conflict | undefined {
  const reason = (how: 'cannot be forced' | 'must be forced', why: string, used: boolean) => ({
    message: `conflict: unable to delete ${short(id)} (${how}) - ${why}`,
    used,
  });
  if (images.children(id).length > 0) return reason('cannot be forced', 'image has dependent child images', false);
  const users = usedBy(id);
  const running = users.find((user) => user.running);
  if (running) return reason('cannot be forced', `image is being used by running container ${short(running.id)}`, true);
  if (check.force) return undefined;
  if (check.references && images.references({ image: id }).length > 0)
    return reason('must be forced', 'image is referenced in multiple repositories', false);
  const stopped = users.find((user) => !user.running);
  return stopped && reason('must be forced', `image is being used by stopped container ${short(stopped.id)}`, true);
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
