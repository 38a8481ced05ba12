import { expect, test } from 'bun:test';
import { collect, streamOf, tarOf } from '../testing.ts';
import { clampTimes } from './clamp-times.ts';
import { TarReader } from './reader.ts';

const time = (seconds: number, nanoseconds = 0) => ({ seconds, nanoseconds });

async function timesIn(tar: Uint8Array): Promise<Record<string, object>> {
  const reader = new TarReader();
  const times: Record<string, object> = {};
  reader.feed(tar);
  for (let event = reader.next(); event; event = reader.next()) if (event.type === 'entry') times[event.entry.name] = event.entry.mtime;
  reader.finish();
  return times;
}

test('later times become the latest, earlier ones stay, everything else as it was', async () => {
  const xattrs = new Map([['user.a', Buffer.from('b')]]);
  const entries = (mtime: (own: { seconds: number; nanoseconds: number }) => object) => tarOf(
    { name: 'd/', mtime: mtime(time(2000)) } as never,
    { name: 'd/early', content: 'x', mtime: time(10, 5) },
    { name: 'd/late', content: 'y'.repeat(70_000), mtime: mtime(time(1000, 1)), xattrs } as never,
    { name: 'd/link', type: 'symlink', linkName: 'late', mtime: mtime(time(1001)) } as never,
    { name: 'd/hard', type: 'hard-link', linkName: 'd/late', mtime: mtime(time(1000, 1)) } as never,
  );
  const clamped = await collect(clampTimes(streamOf(entries((own) => own), 1000), time(1000)));
  expect(Buffer.compare(clamped, entries(() => time(1000)))).toBe(0);
  expect(await timesIn(clamped)).toMatchObject({ 'd/early': time(10, 5), 'd/late': time(1000) });
});
