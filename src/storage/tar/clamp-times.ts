/** An archive again, with no time in it that is later than a given one. */
import { type Timestamp, paddingOf } from './entry.ts';
import { TarReader } from './reader.ts';
import { encodeHeader, endOfArchive } from './writer.ts';

const zeros = Buffer.alloc(64 * 1024);

/** Holes of sparse files are written out. Throws invalid-parameter for what is no archive. */
export async function* clampTimes(tar: AsyncIterable<Uint8Array>, latest: Timestamp): AsyncGenerator<Uint8Array> {
  const reader = new TarReader();
  let written = 0;
  for await (const chunk of tar) {
    reader.feed(chunk);
    for (let event = reader.next(); event; event = reader.next()) {
      if (event.type === 'entry') {
        yield encodeHeader({ ...event.entry, mtime: earlier(event.entry.mtime, latest) });
        written = 0;
      } else if (event.type === 'data') {
        yield* hole(event.offset - written);
        yield event.chunk;
        written = event.offset + event.chunk.length;
      } else {
        yield* hole(event.entry.size - written + paddingOf(event.entry.size));
      }
    }
  }
  reader.finish();
  yield endOfArchive;
}

const earlier = (time: Timestamp, latest: Timestamp): Timestamp =>
  time.seconds > latest.seconds || (time.seconds === latest.seconds && time.nanoseconds > latest.nanoseconds) ? latest : time;

function* hole(size: number): Generator<Uint8Array> {
  for (let left = size; left > 0; left -= zeros.length) yield zeros.subarray(0, Math.min(left, zeros.length));
}
