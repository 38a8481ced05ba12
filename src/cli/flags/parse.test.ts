import { expect, test } from 'bun:test';
import { parseFlags } from './parse.ts';
import { flag } from './spec.ts';

const SPECS = [
  flag('i,interactive', 'bool', ''), flag('t,tty', 'bool', ''), flag('rm', 'bool', ''), flag('sig-proxy', 'bool', '', { initial: true }),
  flag('p,publish', 'list', ''), flag('name', 'string', ''), flag('n,last', 'int', '', { initial: -1 }), flag('m,memory', 'bytes', ''),
  flag('network', 'list', ''), flag('net', 'list', '', { aliasOf: 'network' }), flag('h,hostname', 'string', ''),
];

const parse = (line: string, interspersed = false) => parseFlags(SPECS, line.split(' ').filter((word) => word !== ''), interspersed);

test('clusters, joined values and separate values', () => {
  const { flags, args } = parse('-it -p8080:80 -p=81 -p 82 --name=web --publish 83 busybox sh -c');
  expect(flags.bool('interactive') && flags.bool('tty')).toBe(true);
  expect(flags.list('publish')).toEqual(['8080:80', '81', '82', '83']);
  expect(flags.string('name')).toBe('web');
  expect(args).toEqual(['busybox', 'sh', '-c']);
});

test('a cluster may end in a flag with a value', () => {
  expect(parse('-itp 80 x').flags.list('publish')).toEqual(['80']);
  expect(parse('-itp80 x').flags.list('publish')).toEqual(['80']);
});

test('booleans take a value only when it is joined', () => {
  expect(parse('--rm=false x').flags.bool('rm')).toBe(false);
  expect(parse('--rm false').args).toEqual(['false']);
  expect(parse('--sig-proxy=0 x').flags.bool('sig-proxy')).toBe(false);
  expect(parse('x').flags.bool('sig-proxy')).toBe(true);
});

test('options end at the first operand for commands that run programs, and anywhere at --', () => {
  expect(parse('busybox --rm').args).toEqual(['busybox', '--rm']);
  expect(parse('busybox --rm', true).flags.bool('rm')).toBe(true);
  expect(parse('a -- --rm', true).args).toEqual(['a', '--rm']);
  expect(parse('-- --rm').args).toEqual(['--rm']);
  expect(parse('-', true).args).toEqual(['-']);
});

test('a second name of a flag fills the first', () => {
  expect(parse('--net host --network none x').flags.list('network')).toEqual(['host', 'none']);
});

test('help wins over what follows, and -h is help only where it is free', () => {
  expect(parse('--help --nonsense').help).toBe(true);
  expect(parse('-h web x').flags.string('hostname')).toBe('web');
  expect(parseFlags([], ['-h'], true).help).toBe(true);
});

test.each([
  ['--nonsense', 'unknown flag: --nonsense'],
  ['-Z', "unknown shorthand flag: 'Z' in -Z"],
  ['-tZ', "unknown shorthand flag: 'Z' in -Z"],
  ['--name', 'flag needs an argument: --name'],
  ['-p', "flag needs an argument: 'p' in -p"],
  ['---', 'bad flag syntax: ---'],
  ['--rm=maybe', 'invalid argument "maybe" for "--rm" flag: strconv.ParseBool: parsing "maybe": invalid syntax'],
  ['-n x', 'invalid argument "x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax'],
  ['-m 1x', `invalid argument "1x" for "-m, --memory" flag: invalid size: '1x'`],
])('%s is refused', (line, message) => {
  expect(() => parse(line)).toThrow(message);
});

test('asking for a flag that was not declared is a mistake of ours', () => {
  expect(() => parse('x').flags.bool('undeclared')).toThrow('not declared');
});
