import { expect, test } from 'bun:test';
import { portsText } from './ports.ts';
import { ellipsis, shortId, table } from './table.ts';

test('columns are at least ten wide, three apart, the last one as it is', () => {
  expect(table([['A', 'LONG HEADER', 'B'], ['1', '2', 'the end']])).toBe('A         LONG HEADER   B\n1         2             the end\n');
  expect(table([['REPOSITORY', 'TAG'], ['a-longer-name', 'x']])).toBe('REPOSITORY      TAG\na-longer-name   x\n');
  expect(table([])).toBe('');
});

test('a shortened cell is as wide as its characters', () => {
  expect(table([[ellipsis('"sleep 1000000000000"', 10), 'x']])).toBe('"sleep 10…   x\n');
  expect(ellipsis('short', 5)).toBe('short');
});

test('ids', () => {
  expect(shortId('sha256:0123456789abcdef')).toBe('0123456789ab');
  expect(shortId('0123456789abcdef')).toBe('0123456789ab');
});

const tcp = (PrivatePort: number, PublicPort?: number, IP = '0.0.0.0') =>
  PublicPort === undefined ? { PrivatePort, Type: 'tcp' } : { PrivatePort, PublicPort, IP, Type: 'tcp' };

test('ports are joined to ranges', () => {
  expect(portsText([tcp(80, 8080), tcp(80, 8080, '::'), tcp(443)])).toBe('0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp');
  expect(portsText([tcp(8002, 9002), tcp(8000, 9000), tcp(8001, 9001)])).toBe('0.0.0.0:9000-9002->8000-8002/tcp');
  expect(portsText([tcp(1), tcp(2), tcp(3), tcp(9)])).toBe('1-3/tcp, 9/tcp');
  expect(portsText([])).toBe('');
});
