import { expect, test } from 'bun:test';
import { type Expected, ResponseParser } from './response-parser.ts';

interface Seen {
  statuses: number[];
  body: string;
  ends: number;
  parser: ResponseParser;
}

function parser(expected: Expected = 'body'): Seen {
  const seen: Seen = { statuses: [], body: '', ends: 0, parser: undefined as unknown as ResponseParser };
  seen.parser = new ResponseParser({
    head: ({ status }) => seen.statuses.push(status),
    data: (chunk) => (seen.body += Buffer.from(chunk).toString()),
    end: () => seen.ends++,
  }, expected);
  return seen;
}

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n';
const SIZED = 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}';

test.each([1, 2, 3, 7, 1000])('responses in pieces of %d bytes', (size) => {
  const seen = parser();
  const bytes = Buffer.from(CHUNKED + SIZED + 'HTTP/1.1 204 No Content\r\n\r\n');
  for (let index = 0; index < bytes.length; index += size) seen.parser.push(bytes.subarray(index, index + size));
  expect(seen).toMatchObject({ statuses: [200, 404, 204], body: 'hello world{}', ends: 3 });
});

test('interim answers are passed over', () => {
  const seen = parser();
  seen.parser.push(Buffer.from(`HTTP/1.1 100 Continue\r\n\r\n${SIZED}`));
  expect(seen.statuses).toEqual([404]);
});

test('after an upgrade every byte belongs to the stream', () => {
  const seen = parser('stream');
  seen.parser.push(Buffer.from('HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nHTTP/1.1 '));
  seen.parser.push(Buffer.from('200 OK'));
  expect(seen).toMatchObject({ statuses: [101], body: 'HTTP/1.1 200 OK', ends: 0 });
  expect(seen.parser.close()).toBe(true);
  expect(seen.ends).toBe(1);
});

test('an upgrade that is refused is an ordinary answer', () => {
  const seen = parser('stream');
  seen.parser.push(Buffer.from(SIZED));
  expect(seen).toMatchObject({ statuses: [404], body: '{}', ends: 1 });
});

test('a body without a length ends with the connection; a sized one cut short is an error', () => {
  const open = parser();
  open.parser.push(Buffer.from('HTTP/1.1 200 OK\r\n\r\nabc'));
  expect(open.parser.close()).toBe(true);
  const cut = parser();
  cut.parser.push(Buffer.from(SIZED.slice(0, -1)));
  expect(cut.parser.close()).toBe(false);
});

test('what is not HTTP is refused', () => {
  expect(() => parser().parser.push(Buffer.from('SSH-2.0\r\n\r\n'))).toThrow('not HTTP');
  expect(() => parser().parser.push(Buffer.alloc(70_000, 97))).toThrow('not HTTP');
  expect(() => parser().parser.push(Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'))).toThrow('malformed');
});

test('a HEAD request has no body to wait for', () => {
  const seen = parser('nothing');
  seen.parser.push(Buffer.from('HTTP/1.1 404 Not Found\r\nContent-Length: 20\r\n\r\n'));
  expect(seen).toMatchObject({ statuses: [404], body: '', ends: 1 });
});
