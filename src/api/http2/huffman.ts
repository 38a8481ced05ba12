/** Huffman-coded strings in headers (RFC 7541 appendix B). The code is canonical, so that the lengths say all. */
import { errorCode, Http2Error } from './http2-error.ts';

/** Bits of each symbol from 0 to 256, which is the end; `x` repeats. */
const lengths = ('13 23 28x7 24 30 28x2 30 28x8 30 28x9 6 10x2 12 13 6 8 11 10x2 8 11 8 6x3 5x3 6x7 7 8 15 6 12 10 13 6 7x22 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6x3 5 7x2 '
  + '6x3 5 6 7 6 5x2 6 7x5 15 11 14 13 28 20 22 20x2 22x3 23 22 23x5 24 23 24x2 22 23 24 23x4 21 22 23 22 23x2 24 22 21 20 22x2 23x2 21 23 22x2 24 21 22 23x2 21x2 '
  + '22 21 23 22 23x2 20 22x3 23 22x2 23 26x2 20 19 22 23 22 25 26x3 27x2 26 24 25 19 21 26 27x2 26 27 24 21x2 26x2 28 27x3 20 24 20 21 22 21x2 23 22x2 25x2 24x2 '
  + '26 23 26 27 26x2 27x5 28 27x5 26 30').split(' ').flatMap((text) => {
  const [length, times = '1'] = text.split('x') as [string, string?];
  return Array.from({ length: Number(times) }, () => Number(length));
});

const endSymbol = 256;
const maxLength = 30;

/** For each length: its first code, and its symbols in their order. */
const byLength = firstCodes();

function firstCodes(): readonly { readonly first: number; readonly symbols: readonly number[] }[] {
  const table: { first: number; symbols: number[] }[] = [];
  let code = 0;
  for (let length = 0; length <= maxLength; length++) {
    const symbols = lengths.flatMap((each, symbol) => (each === length ? [symbol] : []));
    table.push({ first: code, symbols });
    code = (code + symbols.length) * 2;
  }
  return table;
}

/** Throws Http2Error for what is no such string. Bytes as latin1. */
export function decodeHuffman(bytes: Uint8Array): string {
  let text = '';
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length++;
      const { first, symbols } = byLength[length]!;
      const symbol = symbols[code - first];
      if (symbol !== undefined && code >= first) {
        if (symbol === endSymbol) throw malformed();
        text += String.fromCharCode(symbol);
        code = 0;
        length = 0;
      } else if (length === maxLength) throw malformed();
    }
  }
  // What fills the last byte is the beginning of the end: ones, and fewer than eight.
  if (length > 7 || code !== 2 ** length - 1) throw malformed();
  return text;
}

const malformed = (): Http2Error => new Http2Error(errorCode.compression, 'malformed Huffman code');
