/** An archive into a directory that somebody uses: `docker cp` into a container. */
import { CaissonError, invalidParameter, systemError } from '../errors.ts';
import { Extractor, type ExtractOptions } from './extract.ts';
import { hostErrors } from './layer-unpacking.ts';
import { Pace } from './pace.ts';
import { decompress } from './tar/compression.ts';
import { fromByteString, type TarEntry } from './tar/entry.ts';
import { TarReader } from './tar/reader.ts';

/** Takes what a TarReader reads; `Extractor` is one. */
export interface EntrySink {
  entry(entry: TarEntry): unknown;
  data(chunk: Uint8Array, offset: number): void;
  end(entry: TarEntry): void;
  /** After the last entry. */
  finish(): void;
  /** Whether or not all went well. */
  close(): void;
}

/**
 * Unpacks an archive, compressed or not, below an open directory; `.wh.` names are names like others. What was unpacked
 * before an error stays. `rename` may give entries other names and link names. Rejects with invalid-parameter for a bad archive.
 */
export async function untar(
  directory: number,
  archive: AsyncIterable<Uint8Array>,
  options: Omit<ExtractOptions, 'whiteouts' | 'beforeRemoval'>,
  rename: (entry: TarEntry) => TarEntry = (entry) => entry,
): Promise<void> {
  const extractor = new Extractor(directory, { ...options, whiteouts: 'none' });
  await untarInto(extractor, archive, rename);
}

/** Gives the entries of an archive, compressed or not, to a sink, which is closed afterwards. Rejects with invalid-parameter for a bad archive. */
export async function untarInto(
  sink: EntrySink,
  archive: AsyncIterable<Uint8Array>,
  rename: (entry: TarEntry) => TarEntry = (entry) => entry,
): Promise<void> {
  const reader = new TarReader();
  const pace = new Pace();
  let current = '';
  try {
    for await (const chunk of decompress(archive)) {
      reader.feed(chunk);
      for (let event = reader.next(); event; event = reader.next()) {
        if (event.type === 'data') sink.data(event.chunk, event.offset);
        else if (event.type === 'end') sink.end(event.entry);
        else {
          const entry = rename(event.entry);
          current = fromByteString(entry.name);
          sink.entry(entry);
        }
        if (pace.due) await pace.breathe();
      }
    }
    reader.finish();
    sink.finish();
  } catch (error) {
    throw failure(error, current);
  } finally {
    sink.close();
  }
}

function failure(error: unknown, name: string): unknown {
  if (error instanceof CaissonError || !(error instanceof Error) || !('code' in error)) return error;
  const facts = { operation: 'extract archive', object: name, cause: error };
  const message = `extracting "${name}": ${error.message}`;
  return hostErrors.has(String(error.code)) ? systemError(message, facts) : invalidParameter(message, facts);
}
