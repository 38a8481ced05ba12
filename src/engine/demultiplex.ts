/** Docker's frames of a container without a terminal: 1 byte stream (1 stdout, 2 stderr), 3 zero, 4 length big-endian, payload. */

/** Splits framed output; `write` gets payloads in order. Throws on bytes that are no frame. */
export async function demultiplex(
  chunks: AsyncIterable<Uint8Array>,
  write: (stream: 1 | 2, payload: Uint8Array) => Promise<void>,
): Promise<void> {
  const header = Buffer.alloc(8);
  let headerLength = 0;
  let left = 0;
  let stream: 1 | 2 = 1;
  for await (let rest of chunks) {
    while (rest.length > 0) {
      if (left > 0) {
        const payload = rest.subarray(0, left);
        rest = rest.subarray(payload.length);
        left -= payload.length;
        await write(stream, payload);
        continue;
      }
      const part = rest.subarray(0, 8 - headerLength);
      header.set(part, headerLength);
      rest = rest.subarray(part.length);
      headerLength += part.length;
      if (headerLength < 8) continue;
      headerLength = 0;
      const kind = header[0];
      // 0 is stdin echoed back, 3 an error of the engine itself; Docker's clients show the latter on stderr.
      if (kind === undefined || kind > 3) throw new Error(`unrecognized stream type ${kind}`);
      stream = kind < 2 ? 1 : 2;
      left = header.readUInt32BE(4);
    }
  }
}
