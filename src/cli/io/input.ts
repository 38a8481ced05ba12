/** Standard input, read on the thread pool: the descriptor stays blocking, because we share it with the shell we came from. */
import * as fs from 'node:fs';

/** What arrives on a descriptor, until its end. The process may exit while a read is pending; nothing is eaten then. */
export async function* readDescriptor(descriptor: number, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (;;) {
    const buffer = Buffer.allocUnsafe(size);
    const count = await readSome(descriptor, buffer);
    if (count === 0) return;
    yield buffer.subarray(0, count);
  }
}

function readSome(descriptor: number, buffer: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(descriptor, buffer, 0, buffer.length, null, (error, count) => {
      const code = error?.code;
      if (error === null || error === undefined) resolve(count);
      // A hung-up terminal reads EIO, a closed standard input EBADF: both are its end.
      else if (code === 'EIO' || code === 'EBADF') resolve(0);
      else if (code === 'EAGAIN') setTimeout(() => resolve(readSome(descriptor, buffer)), 5);
      else reject(error);
    });
  });
}
