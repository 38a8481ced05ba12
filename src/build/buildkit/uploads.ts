/**
 * Contexts that come with a request of their own (`POST /build?buildid=upload-request:ID`), for a build that another request asks for: what
 * docker commands before 23 do with an archive on standard input.
 */
import { notFound } from '../../errors.ts';

/** How long one of the two waits for the other. Milliseconds. */
const patience = 10_000;

interface Upload {
  readonly archive: PromiseWithResolvers<AsyncIterable<Uint8Array>>;
  readonly taken: PromiseWithResolvers<void>;
}

export class Uploads {
  readonly #waiting = new Map<string, Upload>();

  /** Resolves when the build has read the archive. Rejects with not-found when no build wants it. */
  async offer(ref: string, archive: AsyncIterable<Uint8Array>): Promise<void> {
    const upload = this.#upload(ref);
    upload.archive.resolve(archive);
    await this.#inTime(ref, upload.taken.promise);
  }

  /** Reads the archive of a build. Rejects with not-found when it does not come. */
  async take(ref: string, read: (archive: AsyncIterable<Uint8Array>) => Promise<void>): Promise<void> {
    const upload = this.#upload(ref);
    const archive = await this.#inTime(ref, upload.archive.promise);
    try {
      await read(archive);
    } finally {
      this.#waiting.delete(ref);
      upload.taken.resolve();
    }
  }

  #upload(ref: string): Upload {
    let upload = this.#waiting.get(ref);
    if (upload === undefined) this.#waiting.set(ref, (upload = { archive: Promise.withResolvers(), taken: Promise.withResolvers() }));
    return upload;
  }

  async #inTime<Result>(ref: string, promise: Promise<Result>): Promise<Result> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.#waiting.delete(ref);
      reject(notFound(`no upload for the build ${ref}`, { object: ref }));
    }, patience);
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
