import { expect, test } from 'bun:test';
import { HttpError } from './http-error.ts';
import { parseHead } from './head.ts';

const host = 'Host: docker';

function refusal(text: string): number {
  try {
    parseHead(text);
  } catch (error) {
    if (error instanceof HttpError) return error.status;
    throw error;
  }
  return 200;
}

test('a request line and its fields', () => {
  const head = parseHead(`GET /v1.51/info?a=b HTTP/1.1\r\n${host}\r\nX-A: 1\r\nx-a: 2\r\nEmpty:`);
  expect(head.method).toBe('GET');
  expect(head.target).toBe('/v1.51/info?a=b');
  expect(head.headers.get('x-a')).toBe('1, 2');
  expect(head.headers.get('empty')).toBe('');
  expect(head.keepAlive).toBe(true);
  expect(head.framing).toEqual({ kind: 'none' });
});

test('absolute form is reduced to its path', () => {
  expect(parseHead(`GET http://docker/info HTTP/1.1\r\n${host}`).target).toBe('/info');
  expect(parseHead(`GET http://docker HTTP/1.1\r\n${host}`).target).toBe('/');
});

test('keep-alive follows version and Connection', () => {
  expect(parseHead('GET / HTTP/1.0').keepAlive).toBe(false);
  expect(parseHead('GET / HTTP/1.0\r\nConnection: Keep-Alive').keepAlive).toBe(true);
  expect(parseHead(`GET / HTTP/1.1\r\n${host}\r\nConnection: upgrade, close`).keepAlive).toBe(false);
});

test('framing', () => {
  expect(parseHead(`PUT / HTTP/1.1\r\n${host}\r\nContent-Length: 12`).framing).toEqual({ kind: 'length', bytes: 12 });
  expect(parseHead(`PUT / HTTP/1.1\r\n${host}\r\nTransfer-Encoding: Chunked`).framing).toEqual({ kind: 'chunked' });
});

test('expectations', () => {
  expect(parseHead(`PUT / HTTP/1.1\r\n${host}\r\nExpect: 100-Continue`).expectsContinue).toBe(true);
  expect(refusal(`PUT / HTTP/1.1\r\n${host}\r\nExpect: miracles`)).toBe(417);
});

test.each([
  ['GET /', 400],
  ['GET  / HTTP/1.1', 400],
  ['GET / HTTP/1.1 ', 400],
  ['G@T / HTTP/1.1', 400],
  ['GET / HTTP/2.0', 505],
  ['GET / HTTP/1.1', 400],
  ['GET noslash HTTP/1.1\r\nHost: d', 400],
  ['GET / HTTP/1.1\r\nHost: d\r\nNo colon', 400],
  ['GET / HTTP/1.1\r\nHost: d\r\nBlank : 1', 400],
  ['GET / HTTP/1.1\r\nHost: d\r\n folded', 400],
  ['GET / HTTP/1.1\r\nHost: d\r\nA: b\nc', 400],
  ['GET / HTTP/1.1\r\nHost: d\r\nHost: e', 400],
  ['PUT / HTTP/1.1\r\nHost: d\r\nContent-Length: -1', 400],
  ['PUT / HTTP/1.1\r\nHost: d\r\nContent-Length: 1, 2', 400],
  ['PUT / HTTP/1.1\r\nHost: d\r\nContent-Length: 99999999999999999999', 400],
  ['PUT / HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nContent-Length: 2', 400],
  ['PUT / HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nTransfer-Encoding: chunked', 400],
  ['PUT / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: gzip, chunked', 501],
  ['PUT / HTTP/1.0\r\nTransfer-Encoding: chunked', 501],
])('%j is refused with %d', (text, status) => {
  expect(refusal(text)).toBe(status);
});
