import { expect, test } from 'bun:test';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { ConnectionOptions } from './connection.ts';
import { listen, parseHost } from './listener.ts';

test.each([
  ['unix:///run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
  ['tcp://127.0.0.1:2376', { kind: 'tcp', host: '127.0.0.1', port: 2376 }],
  ['tcp://:1', { kind: 'tcp', host: '127.0.0.1', port: 1 }],
  ['tcp://[::1]', { kind: 'tcp', host: '::1', port: 2375 }],
] as const)('%s', (host, address) => {
  expect(parseHost(host)).toEqual(address);
});

test.each(['', 'unix://', 'http://x', 'tcp://a:99999', 'tcp://a:b', '/run/x.sock'])('%j is no host', (host) => {
  expect(() => parseHost(host)).toThrow('invalid host');
});

test('tcp answers, and a port in use is told', async () => {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  const options: ConnectionOptions = {
    handler: (_request, response) => response.send(200, {}, 'hello'),
    commonHeaders: '',
    onHandlerFault: () => undefined,
  };
  expect(await refusal(listen({ kind: 'tcp', host: '127.0.0.1', port }, options))).toContain(`another process is listening on tcp://127.0.0.1:${port}`);
  await new Promise((resolve) => probe.close(resolve));
  const listener = await listen({ kind: 'tcp', host: '127.0.0.1', port }, options);
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const client = connect(port, '127.0.0.1', () => client.write('GET / HTTP/1.0\r\n\r\n'));
    client.on('data', (data) => (text += data.toString()));
    client.on('close', () => resolve(text));
  });
  expect(answer).toEndWith('\r\n\r\nhello');
  await listener.close();
});

/** The sentence an attempt is refused with. */
function refusal(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(() => 'not refused', (error: Error) => error.message);
}
