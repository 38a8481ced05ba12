/** The parts of an image archive: blobs by their digests, and the documents that name them. */
import { type Digest, sha256 } from '../storage/digest.ts';
import { encodeHeader, padding } from '../storage/tar/writer.ts';

export interface ArchiveBlob {
  readonly digest: Digest;
  readonly size: number;
  /** Seconds since 1970: an image's own parts have the time when it was made, the archive's have none. */
  readonly time: number;
  readonly content: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export const blobPath = (digest: Digest) => `blobs/sha256/${digest.slice('sha256:'.length)}`;

export function bytesBlob(bytes: Uint8Array, time: number): ArchiveBlob {
  return { digest: sha256(bytes), size: bytes.length, time, content: () => [bytes] };
}

/** A JSON document. */
export const documentBlob = (json: object, end = ''): ArchiveBlob => bytesBlob(Buffer.from(JSON.stringify(json) + end), 0);

const mtime = (seconds: number) => ({ seconds, nanoseconds: 0 });

/** The blobs and the directories that they are in, which have `time`. */
export async function* archivedBlobs(blobs: ReadonlyMap<Digest, ArchiveBlob>, time: number): AsyncGenerator<Uint8Array> {
  for (const name of ['blobs/', 'blobs/sha256/']) yield encodeHeader({ name, type: 'directory', mode: 0o755, mtime: mtime(time) });
  for (const [digest, blob] of [...blobs].sort(([a], [b]) => (a < b ? -1 : 1))) yield* archivedFile(blobPath(digest), blob);
}

export async function* archivedFile(name: string, { size, time, content }: ArchiveBlob): AsyncGenerator<Uint8Array> {
  yield encodeHeader({ name, type: 'file', mode: 0o644, size, mtime: mtime(time) });
  yield* content();
  yield padding(size);
}
