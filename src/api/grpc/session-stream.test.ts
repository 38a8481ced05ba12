import { expect, test } from 'bun:test';
import { bytesMessage } from '../../build/buildkit/proto/session.ts';
import { sessionStream } from './session-stream.ts';

async function* messages(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytesMessage.encode({ data: Buffer.from('whole') }));
  yield Uint8Array.of(0x0a, 0x7f); // a field of 127 bytes, of which none is there
}

test('a message that cannot be read ends the connection, and nothing else', async () => {
  const stream = sessionStream({ path: '', metadata: () => undefined, messages: messages(), send: () => undefined, signal: new AbortController().signal });
  const received: string[] = [];
  stream.on('data', (chunk: Buffer) => received.push(chunk.toString()));
  const error = await new Promise<Error>((resolve) => stream.on('error', resolve));
  expect([received, error.message]).toEqual([['whole'], 'premature EOF']);
});
