import { expect, test } from 'bun:test';
import { argvOf, environmentOf, mergeImageConfig, overrideEnvironment, withHome } from './process.ts';

const image = {
  Entrypoint: ['/entry'],
  Cmd: ['default'],
  Env: ['PATH=/x', 'A=image'],
  Labels: { a: 'image', b: 'image' },
  User: 'app',
  WorkingDir: '/app',
  Volumes: { '/data': {} },
  StopSignal: 'SIGINT',
};

test.each([
  [{}, ['/entry', 'default']],
  [{ Cmd: ['other'] }, ['/entry', 'other']],
  [{ Entrypoint: ['/mine'] }, ['/mine']],
  [{ Entrypoint: ['/mine'], Cmd: ['x'] }, ['/mine', 'x']],
  [{ Entrypoint: [''], Cmd: ['x'] }, ['x']],
  [{ Entrypoint: null, Cmd: null }, ['/entry', 'default']],
])('%j runs %j', (request, argv) => {
  expect(argvOf(mergeImageConfig(request, image))).toEqual(argv);
});

test('no command at all', () => {
  expect(() => argvOf(mergeImageConfig({}, undefined))).toThrow('no command specified');
  expect(() => argvOf(mergeImageConfig({ Entrypoint: [''] }, image))).toThrow('no command specified');
});

test('what the request says wins, name by name', () => {
  const merged = mergeImageConfig(
    { Env: ['A=mine', 'C=1'], Labels: { a: 'mine' }, User: 'me', Volumes: { '/more': {} } },
    image,
  );
  expect(merged.Env).toEqual(['A=mine', 'C=1', 'PATH=/x']);
  expect(merged.Labels).toEqual({ a: 'mine', b: 'image' });
  expect(merged).toMatchObject({
    User: 'me',
    WorkingDir: '/app',
    StopSignal: 'SIGINT',
    Volumes: { '/data': {}, '/more': {} },
  });
});

test('a health check is merged field by field', () => {
  const base = { Test: ['CMD', 'x'], Interval: 5e9, Retries: 3 };
  expect(mergeImageConfig({ Healthcheck: { Interval: 1e9 } }, { Healthcheck: base }).Healthcheck).toMatchObject({
    Test: ['CMD', 'x'],
    Interval: 1e9,
    Retries: 3,
  });
  expect(mergeImageConfig({}, { Healthcheck: base }).Healthcheck).toEqual(base);
});

test('environment: defaults in place, removal by a bare name', () => {
  expect(environmentOf({ hostname: 'h', tty: true, env: ['X=1', 'PATH=/mine', 'HOSTNAME', 'X=2'] })).toEqual([
    'PATH=/mine',
    'TERM=xterm',
    'X=2',
  ]);
  expect(overrideEnvironment(['A=1', 'B=2'], ['B', 'C=3', 'A=0'])).toEqual(['A=0', 'C=3']);
});

test('HOME is set when nobody else did', () => {
  expect(withHome(['A=1'], '/root')).toEqual(['A=1', 'HOME=/root']);
  expect(withHome(['HOME=/x', 'A=1'], '/root')).toEqual(['HOME=/x', 'A=1']);
  expect(withHome(['HOME=', 'A=1'], '/root')).toEqual(['A=1', 'HOME=/root']);
});
