import { expect, test } from 'bun:test';
import { Duplex } from 'node:stream';
import { Http2Connection } from './connection.ts';
import { encodeFrame, encodeSettings, FrameReader, frameFlag, frameType } from './frames.ts';
import { encodeHeaders, type HeaderList } from './hpack.ts';
import { errorCode } from './http2-error.ts';
import { type Http2Stream, streamWindow } from './stream.ts';

/** Two ends of a pipe, cut into pieces of any size. */
function pipe(pieceBytes = 100_000): [Duplex, Duplex] {
  const make = (other: () => Duplex): Duplex => new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at += pieceBytes) other().push(chunk.subarray(at, at + pieceBytes));
      setImmediate(done);
    },
    final(done) {
      other().push(null);
      done();
    },
  });
  const near: Duplex = make((): Duplex => far);
  const far: Duplex = make((): Duplex => near);
  return [near, far];
}

function connected(onRequest: (stream: Http2Stream, headers: HeaderList) => void, pieceBytes?: number): Http2Connection {
  const [near, far] = pipe(pieceBytes);
  new Http2Connection(far, { onRequest });
  return new Http2Connection(near);
}

async function collect(stream: Http2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream.data()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const request: HeaderList = [[':method', 'POST'], [':path', '/a']];

test.each([1, 7, 1000, 100_000])('a request and its answer in pieces of %d bytes', async (pieceBytes) => {
  const client = connected((stream, headers) => {
    void (async () => {
      stream.sendHeaders([[':status', '200'], ['path', headers.find(([name]) => name === ':path')?.[1] ?? '']]);
      await stream.write(await collect(stream));
      stream.end([['grpc-status', '0']]);
    })();
  }, pieceBytes);
  const stream = client.request(request);
  await stream.write(Buffer.from('hello '));
  await stream.write(Buffer.from('you'));
  stream.end();
  expect(await stream.headers).toEqual([[':status', '200'], ['path', '/a']]);
  expect((await collect(stream)).toString()).toBe('hello you');
  expect(stream.trailers).toEqual([['grpc-status', '0']]);
});

test('more than all windows passes both ways, and no more than a window waits for who does not read', async () => {
  const received = Promise.withResolvers<Http2Stream>();
  const client = connected((stream) => received.resolve(stream));
  const stream = client.request(request);
  const piece = Buffer.alloc(64 * 1024, 7);
  let sent = 0;
  const total = 20 * 1024 * 1024;
  const sending = (async () => {
    for (; sent < total; sent += piece.length) await stream.write(piece);
    stream.end();
  })();
  const other = await received.promise;
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(sent).toBeLessThan(streamWindow + 8 * piece.length);
  expect((await collect(other)).length).toBe(total);
  await sending;
});

test('an answer is whole although the request was not', async () => {
  const client = connected((stream) => {
    stream.sendHeaders([[':status', '200']]);
    void stream.write(Buffer.from('enough'));
    stream.end([['grpc-status', '5']]);
  });
  const stream = client.request(request);
  await stream.write(Buffer.from('begin'));
  expect((await collect(stream)).toString()).toBe('enough');
  expect(stream.trailers).toEqual([['grpc-status', '5']]);
});

test('who gives up is heard', async () => {
  const received = Promise.withResolvers<Http2Stream>();
  const client = connected((stream) => received.resolve(stream));
  const stream = client.request(request);
  const other = await received.promise;
  stream.reset(errorCode.cancel);
  expect(await collect(other).catch((error: Error) => error.message)).toBe('the other side has given up');
  expect(other.signal.aborted).toBe(true);
  expect(await other.write(Buffer.from('x'))?.catch((error: Error) => error.message)).toBe('the other side has given up');
});

test('streams end with their connection', async () => {
  const client = connected(() => undefined);
  const stream = client.request(request);
  client.close();
  expect(await collect(stream).catch((error: Error) => error.message)).toBe('the connection was ended');
  expect(client.closed.aborted).toBe(true);
});

/** What a server answers to bytes of a client's own making: the code it goes away with, or undefined. */
async function answerTo(...pieces: readonly Uint8Array[]): Promise<number | undefined> {
  const [near, far] = pipe();
  new Http2Connection(far, { onRequest: () => undefined });
  const reader = new FrameReader();
  let code: number | undefined;
  near.on('data', (chunk: Buffer) => {
    for (const { type, payload } of reader.feed(chunk)) if (type === frameType.goAway) code = payload.readUInt32BE(4);
  });
  for (const piece of pieces) near.write(piece);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  return code;
}

const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), encodeSettings([])]);
const headersFrame = (id: number, flags: number = frameFlag.endHeaders, block: Uint8Array = encodeHeaders(request)) => encodeFrame(frameType.headers, flags, id, block);
const nothing = Buffer.alloc(0);

test.each([
  ['no preface', errorCode.protocol, [Buffer.from('GET / HTTP/1.1\r\n\r\n')]],
  ['a frame that is too long', errorCode.frameSize, [preface, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])]],
  ['data without a request', errorCode.protocol, [preface, encodeFrame(frameType.data, 0, 1, Buffer.from('x'))]],
  ['headers interrupted', errorCode.protocol, [preface, headersFrame(1, 0), encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8))]],
  ['headers without end', errorCode.enhanceYourCalm, [preface, headersFrame(1, 0), ...Array.from({ length: 5 }, () => encodeFrame(frameType.continuation, 0, 1, Buffer.alloc(16_000)))]],
  ['pieces of nothing', errorCode.enhanceYourCalm, [preface, headersFrame(1, 0), encodeFrame(frameType.continuation, 0, 1, nothing)]],
  ['more data than the window', errorCode.flowControl, [preface, headersFrame(1), ...Array.from({ length: 300 }, () => encodeFrame(frameType.data, 0, 1, Buffer.alloc(16_384)))]],
  ['more padding than frame', errorCode.protocol, [preface, headersFrame(1), encodeFrame(frameType.data, frameFlag.padded, 1, Buffer.of(9, 1))]],
  ['a flood of pings', errorCode.enhanceYourCalm, [preface, Buffer.concat(Array.from({ length: 10_001 }, () => encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8))))]],
  ['a header block that is none', errorCode.compression, [preface, headersFrame(1, frameFlag.endHeaders, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff))]],
  ['a window beyond all measure', errorCode.flowControl, [preface, encodeSettings([[4, 0xffff_ffff]])]],
  ['a stream of the server’s', errorCode.protocol, [preface, headersFrame(2)]],
  ['settings of half a length', errorCode.frameSize, [preface, encodeFrame(frameType.settings, 0, 0, Buffer.alloc(5))]],
  ['a push', errorCode.protocol, [preface, encodeFrame(frameType.pushPromise, 0, 1, Buffer.alloc(8))]],
  ['what is right', undefined, [preface, headersFrame(1, frameFlag.endHeaders | frameFlag.endStream), encodeFrame(99, 0, 0, Buffer.alloc(3))]],
] as const)('%s', async (_name, code, pieces) => {
  expect(await answerTo(...pieces)).toBe(code as number | undefined);
});

test('nothing is begun on a connection that has been ended', async () => {
  const [near, far] = pipe();
  let begun = 0;
  const connection = new Http2Connection(far, {
    onRequest: () => {
      if (++begun === 2) connection.close();
    },
  });
  near.on('data', () => undefined);
  // Within one piece, and in a later one.
  near.write(Buffer.concat([preface, headersFrame(1), headersFrame(3), headersFrame(5)]));
  near.write(headersFrame(7));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect([connection.closed.aborted, begun]).toEqual([true, 2]);
});

test('a request after what is none has no handler', async () => {
  const [near, far] = pipe();
  let begun = 0;
  const connection = new Http2Connection(far, { onRequest: () => void begun++ });
  near.on('data', () => undefined);
  for (const piece of [preface, headersFrame(2), headersFrame(1)]) near.write(piece);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect([connection.closed.aborted, begun]).toEqual([true, 0]);
});
