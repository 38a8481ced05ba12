/**
 * Follows the frames of a zstd stream without decompressing them (RFC 8878, section 3.1), to tell whether it is
 * complete.
 */
import { invalidParameter } from '../../errors.ts';

type Expect =
  | { readonly part: 'magic' }
  | { readonly part: 'skippable-size' }
  | { readonly part: 'descriptor' }
  | { readonly part: 'block-header'; readonly checksum: boolean }
  | { readonly part: 'end' };

const need = { magic: 4, 'skippable-size': 4, descriptor: 1, 'block-header': 3, end: 0 } as const;
const frameMagic = 0xfd2fb528;

export class ZstdFrames {
  #expect: Expect = { part: 'magic' };
  /** Bytes to pass over before the expected part. */
  #skip = 0;
  #field: number[] = [];
  #frames = 0;

  /** True when the stream may end here: after at least one whole frame. */
  get complete(): boolean {
    return this.#expect.part === 'magic' && this.#skip === 0 && this.#field.length === 0 && this.#frames > 0;
  }

  feed(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, chunk.length - at);
        this.#skip -= passed;
        at += passed;
        if (this.#skip === 0) this.#settle();
        continue;
      }
      this.#field.push(chunk[at++]!);
      if (this.#field.length === need[this.#expect.part]) this.#take();
    }
  }

  #take(): void {
    const value = this.#field.reduce((sum, byte, at) => sum + byte * 2 ** (8 * at), 0);
    this.#field = [];
    const expect = this.#expect;
    if (expect.part === 'magic') this.#magic(value);
    else if (expect.part === 'skippable-size') this.#next({ part: 'end' }, value);
    else if (expect.part === 'descriptor') {
      const singleSegment = (value & 0x20) !== 0;
      const dictionary = [0, 1, 2, 4][value & 3]!;
      const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][value >> 6]!;
      this.#next(
        { part: 'block-header', checksum: (value & 4) !== 0 },
        (singleSegment ? 0 : 1) + dictionary + contentSize,
      );
    } else if (expect.part === 'block-header') {
      const length = ((value >> 1) & 3) === 1 ? 1 : value >> 3;
      if ((value & 1) === 0) this.#next(expect, length);
      else this.#next({ part: 'end' }, length + (expect.checksum ? 4 : 0));
    }
  }

  #magic(value: number): void {
    if (value === frameMagic) this.#next({ part: 'descriptor' }, 0);
    else if (value >= 0x184d2a50 && value <= 0x184d2a5f) this.#next({ part: 'skippable-size' }, 0);
    else throw invalidParameter('the archive is damaged: zstd data with an unknown frame');
  }

  #next(expect: Expect, skip: number): void {
    this.#expect = expect;
    this.#skip = skip;
    if (skip === 0) this.#settle();
  }

  #settle(): void {
    if (this.#expect.part !== 'end') return;
    this.#frames++;
    this.#expect = { part: 'magic' };
  }
}
