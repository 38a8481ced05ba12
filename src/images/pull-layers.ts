/** The layers of an image that is pulled: downloaded at once, unpacked one on the other as they arrive. */
import { isClass, systemError } from '../errors.ts';
import { type Digest, DiffIdMismatch } from '../storage/digest.ts';
import { decompress } from '../storage/tar/compression.ts';
import { type BlobDownload, BlobMismatch, type BlobSource } from './blob-downloads.ts';
import { limitExpansion } from './expansion.ts';
import type { ImageContext } from './image-context.ts';
import type { ProgressStream } from './progress-stream.ts';
import type { Descriptor } from './registry/manifest.ts';

export interface LayerToPull {
  readonly blob: Descriptor;
  readonly diffId: Digest;
  readonly chainId: Digest;
  readonly parent: Digest | null;
}

export interface LayersToPull {
  readonly layers: readonly LayerToPull[];
  readonly source: (digest: Digest) => BlobSource;
  readonly progress: ProgressStream;
  readonly signal: AbortSignal;
}

/** What keeps pulled layers until an image has them. */
export interface PulledLayers {
  /** Gives them up: those that no image has by now go. `done`: the blobs are not needed for another attempt either. */
  release(done: boolean): Promise<void>;
}

/** Layers that are others than the configuration says. */
export const configMismatch = (object: string, cause?: unknown) =>
  systemError("layers from manifest don't match image configuration", { object, cause });

/** Twelve digits, as Docker shows digests. */
export const shortDigest = (digest: Digest) => digest.slice('sha256:'.length, 'sha256:'.length + 12);

/** Fetches what is missing. Nothing stays, but what was downloaded, when it throws. */
export async function pullLayers(context: ImageContext, request: LayersToPull): Promise<PulledLayers> {
  const work = new LayerWork(context, request);
  try {
    await work.run();
    return work;
  } catch (error) {
    await work.release(false);
    throw error;
  }
}

class LayerWork implements PulledLayers {
  readonly #context: ImageContext;
  readonly #request: LayersToPull;
  readonly #holds: (() => void)[] = [];
  readonly #unpacked: Digest[] = [];
  readonly #downloads = new Map<Digest, BlobDownload>();
  readonly #downloaded = new Set<Digest>();

  constructor(context: ImageContext, request: LayersToPull) {
    this.#context = context;
    this.#request = request;
  }

  async run(): Promise<void> {
    const { storage, keeper } = this.#context;
    const { layers, progress, signal } = this.#request;
    const shown = new Set<Digest>();
    const missing: LayerToPull[] = [];
    for (const layer of layers) {
      // Held before it is there, so that nothing frees it in the meantime.
      this.#holds.push(keeper.hold(layer.chainId));
      const present = storage.layer(layer.chainId) !== undefined;
      if (!present) missing.push(layer);
      if (!shown.has(layer.blob.digest)) progress.update(shortDigest(layer.blob.digest), present ? 'Already exists' : 'Pulling fs layer');
      shown.add(layer.blob.digest);
    }
    for (const layer of missing) this.#download(layer);
    for (const layer of missing) {
      signal.throwIfAborted();
      await this.#unpack(layer);
    }
  }

  async release(done: boolean): Promise<void> {
    for (const download of this.#downloads.values()) download.release(!done);
    this.#downloads.clear();
    for (const hold of this.#holds) hold();
    // When all went well they belong to an image now, and stay.
    for (const layer of this.#unpacked.toReversed()) await this.#context.keeper.free(layer);
  }

  #download({ blob }: LayerToPull): BlobDownload {
    const known = this.#downloads.get(blob.digest);
    if (known) return known;
    const { progress, source } = this.#request;
    const id = shortDigest(blob.digest);
    const download = this.#context.downloads.join(blob, source(blob.digest), {
      waiting: () => progress.update(id, 'Waiting'),
      received: (bytes) => progress.bytes(id, 'Downloading', bytes, blob.size),
      retrying: (seconds) => progress.update(id, `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}`),
      verifying: () => progress.update(id, 'Verifying Checksum'),
      complete: () => {
        this.#downloaded.add(blob.digest);
        progress.update(id, 'Download complete');
      },
    });
    this.#downloads.set(blob.digest, download);
    return download;
  }

  /** Whoever wants the same layer at the same time waits for the one who has begun. */
  async #unpack(layer: LayerToPull): Promise<void> {
    const { storage, unpacking } = this.#context;
    for (let other = unpacking.get(layer.chainId); other; other = unpacking.get(layer.chainId)) await other;
    if (!storage.layer(layer.chainId)) {
      this.#unpacked.push(layer.chainId);
      const work = this.#unpackOnce(layer).catch(async (error: unknown) => {
        // What was here from an earlier attempt may have been damaged; its file is gone now.
        if (!(error instanceof BlobMismatch && error.resumed)) throw error;
        this.#dropDownload(layer);
        await this.#unpackOnce(layer);
      });
      const settled = work.catch(() => undefined).finally(() => unpacking.delete(layer.chainId));
      unpacking.set(layer.chainId, settled);
      await work;
    }
    this.#request.progress.update(shortDigest(layer.blob.digest), 'Pull complete');
  }

  async #unpackOnce(layer: LayerToPull): Promise<void> {
    const { blob, diffId, parent } = layer;
    const download = this.#download(layer);
    const { progress, signal } = this.#request;
    const id = shortDigest(blob.digest);
    const downloaded = this.#downloaded;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      let current = 0;
      for await (const chunk of download.read()) {
        signal.throwIfAborted();
        yield chunk;
        current += chunk.length;
        // Before, it is still the download that is shown.
        if (downloaded.has(blob.digest)) progress.bytes(id, 'Extracting', current, blob.size);
      }
    };
    try {
      await this.#context.storage.unpack(parent, limitExpansion(decompress(counted()), blob.size), diffId);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#registrationFailure(layer, error);
    }
  }

  #registrationFailure(layer: LayerToPull, error: unknown): unknown {
    if (!isClass(error, 'invalid-parameter')) return error;
    this.#dropDownload(layer);
    if (error instanceof DiffIdMismatch) throw configMismatch(layer.diffId, error);
    return systemError(`failed to register layer: ${error.message}`, { object: layer.blob.digest, cause: error });
  }

  /** What it holds is no layer: another attempt must fetch it anew. */
  #dropDownload({ blob }: LayerToPull): void {
    this.#downloads.get(blob.digest)?.release(false);
    this.#downloads.delete(blob.digest);
  }
}
