/** `ADD` of an archive: its entries, moved to where they go. */
import { createReadStream } from 'node:fs';
import { invalidParameter } from '../../errors.ts';
import { type Found, openPlace } from '../../storage/lookup.ts';
import { componentsInRoot } from '../../storage/paths.ts';
import { decompress } from '../../storage/tar/compression.ts';
import type { TarEntry } from '../../storage/tar/entry.ts';
import { parseHeader } from '../../storage/tar/header.ts';
import { TarReader } from '../../storage/tar/reader.ts';
import { encodeHeader, padding } from '../../storage/tar/writer.ts';
import { type Destination, resolveDestination } from './destination.ts';
import type { Owner } from './owner.ts';

/** Whether a file is a tar, compressed or not: whether its first header is one. */
export async function isArchive(found: Found): Promise<boolean> {
  let head: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of decompress(contentOf(found))) {
      head = Buffer.concat([head, chunk]);
      if (head.length >= 512) break;
    }
    return head.length >= 512 && parseHeader(head.subarray(0, 512)) !== undefined;
  } catch {
    return false;
  }
}

async function* contentOf({ place }: Found): AsyncGenerator<Uint8Array> {
  const stream = createReadStream('', { fd: openPlace(place), highWaterMark: 256 * 1024 });
  for await (const chunk of stream) yield chunk as Uint8Array;
}

/** The archive's entries below `target`, with their own owners unless one is given: pieces of another archive. Names that climb out of it are refused. */
export async function* archiveEntries(
  found: Found, target: Destination, base: readonly string[], owner: Owner | undefined,
): AsyncGenerator<Uint8Array> {
  const reader = new TarReader();
  const names = new EntryNames(target, base);
  for await (const chunk of decompress(contentOf(found))) {
    reader.feed(chunk);
    for (let event = reader.next(); event; event = reader.next()) {
      if (event.type === 'data') yield event.chunk;
      else if (event.type === 'end') yield padding(event.entry.size);
      else yield* header({ ...event.entry, ...owner }, names);
    }
  }
  reader.finish();
}

function* header(entry: TarEntry, names: EntryNames): Generator<Uint8Array> {
  if (entry.type === 'unsupported') throw invalidParameter(`unhandled tar header type ${entry.typeFlag}`, { object: entry.name });
  if (entry.fragments) throw invalidParameter('an archive with sparse files cannot be added: write it without --sparse', { object: entry.name });
  const name = names.of(entry.name, entry.type);
  // Its own root is the destination, which is there.
  if (name === undefined) return;
  const { xattrs, ...plain } = entry;
  yield encodeHeader({ ...plain, name, linkName: entry.type === 'hard-link' ? names.linked(entry.linkName) : entry.linkName, ...(xattrs ? { xattrs } : {}) });
}

/** Where an entry goes: links of the tree below are followed on the way, unless the archive itself has replaced them. */
class EntryNames {
  readonly #target: Destination;
  readonly #base: readonly string[];
  readonly #own = new Set<string>();
  readonly #parents = new Map<string, string>();

  constructor(target: Destination, base: readonly string[]) {
    this.#target = target;
    this.#base = base;
  }

  of(name: string, type: TarEntry['type']): string | undefined {
    const components = componentsInRoot(name);
    const last = components.pop();
    if (last === undefined) return undefined;
    const real = join(this.#parent(components), last);
    if (type === 'symlink' || type === 'directory') this.#own.add(join(components.join('/'), last));
    return type === 'directory' ? `${real}/` : real;
  }

  linked(name: string): string {
    const components = componentsInRoot(name, 'hard link to');
    const last = components.pop() ?? '';
    return join(this.#parent(components), last);
  }

  #parent(components: readonly string[]): string {
    const key = components.join('/');
    const known = this.#parents.get(key);
    if (known !== undefined) return known;
    const isOwn = components.some((_, index) => this.#own.has(components.slice(0, index + 1).join('/')));
    const below = [...this.#target.path, ...components].join('/');
    const real = isOwn ? below : resolveDestination(this.#base, below).path.join('/');
    this.#parents.set(key, real);
    return real;
  }
}

const join = (directory: string, name: string): string => (directory === '' ? name : `${directory}/${name}`);
