import { expect, test } from 'bun:test';
import type { ContainerConfig, HostConfig } from '../docker-types.ts';
import { isValidBindMode } from './bind-spec.ts';
import { type MountSources, type ResolvedMount, resolveMounts } from './mounts.ts';

const made: (string | null)[] = [];
const sources: MountSources = {
  volumes: {
    ensure: (name) => {
      made.push(name);
      return { name: name ?? 'made-up', path: `/volumes/${name ?? 'made-up'}/_data` };
    },
  },
  images: (name, index) => ({ path: `/images/${name}`, image: { root: `c.${index}`, topLayer: null, id: 'sha256:0', shifted: true } }),
  mountsOf: (name) => (name === 'donor' ? [donated] : []),
  exists: () => true,
  dataRoot: '/var/lib/caisson', plainReadOnlyBinds: false,
};
const donated: ResolvedMount = {
  Type: 'volume',
  Name: 'v',
  Source: '/volumes/v/_data',
  Destination: '/v',
  Driver: 'local',
  Mode: 'z',
  RW: true,
  Propagation: '',
  details: { recursive: true, readOnly: 'recursive', createSource: false, copyUp: true, tmpfs: [] },
};
const resolve = (hostConfig: HostConfig, config: ContainerConfig = {}) => resolveMounts(config, hostConfig, sources);
const shown = ({ details: _, ...mount }: ResolvedMount) => mount;

test('a bind, as inspect shows it', () => {
  const [mount] = resolve({ Binds: ['/srv//data/:/data/:ro,z'] });
  expect(mount && shown(mount)).toEqual({
    Type: 'bind',
    Source: '/srv/data',
    Destination: '/data',
    Mode: 'ro,z',
    RW: false,
    Propagation: 'rprivate',
  });
  expect(mount?.details.createSource).toBe(true);
});

test('named and anonymous volumes', () => {
  made.length = 0;
  const mounts = resolve({ Binds: ['named:/a', '/b', 'other:/c:nocopy'] });
  expect(mounts.map(shown)[0]).toEqual({
    Type: 'volume',
    Name: 'named',
    Source: '/volumes/named/_data',
    Destination: '/a',
    Driver: 'local',
    Mode: 'z',
    RW: true,
    Propagation: '',
  });
  expect(mounts.map(({ details }) => details.copyUp)).toEqual([true, true, false]);
  expect(made).toEqual(['named', null, 'other']);
});

test('volumes of the image yield to everything else', () => {
  const mounts = resolve({ Binds: ['/srv:/a'], Tmpfs: { '/b': '' } }, { Volumes: { '/a': {}, '/b/': {}, '/c': {} } });
  expect(mounts.map(({ Destination, Type }) => `${Type} ${Destination}`)).toEqual(['bind /a', 'volume /c']);
  expect(mounts[1]?.Mode).toBe('');
  expect(() => resolve({}, { Volumes: { '/': {} } })).toThrow("destination can't be '/'");
});

test('--mount: what is read-only, what is made, what comes along', () => {
  const [bind, created, tmpfs] = resolve({
    Mounts: [
      {
        Type: 'bind',
        Source: '/s',
        Target: '/a',
        ReadOnly: true,
        BindOptions: { NonRecursive: true, ReadOnlyNonRecursive: true, Propagation: 'rslave' },
      },
      { Type: 'bind', Source: '/s', Target: '/b', BindOptions: { CreateMountpoint: true } },
      {
        Type: 'tmpfs',
        Target: '/c',
        ReadOnly: true,
        TmpfsOptions: { SizeBytes: 10, Mode: 0o1770, Options: [['noexec']] },
      },
    ],
  });
  expect(bind).toMatchObject({
    RW: false,
    Propagation: 'rslave',
    details: { recursive: false, readOnly: 'plain', createSource: false },
  });
  expect(created?.details.createSource).toBe(true);
  expect(tmpfs).toMatchObject({
    Type: 'tmpfs',
    Source: '',
    details: { tmpfs: ['ro', 'mode=1770', 'size=10', 'noexec'] },
  });
});

test("a bind around the engine's own data is a slave, so that no mount stays pinned", () => {
  // Docker compares the texts: the third is one, too.
  const binds = ['/:/host', '/var:/var2', '/var/lib/caisson-other:/x', '/var/lib/other:/y'];
  expect(resolve({ Binds: binds }).map(({ Propagation }) => Propagation)).toEqual(['rslave', 'rslave', 'rslave', 'rprivate']);
});

test('--volumes-from', () => {
  expect(resolve({ VolumesFrom: ['donor:ro'] })).toMatchObject([{ Destination: '/v', RW: false }]);
  expect(resolve({ VolumesFrom: ['donor'] })).toMatchObject([{ Destination: '/v', RW: true }]);
  expect(() => resolve({ VolumesFrom: ['donor:shared'] })).toThrow('invalid mode: shared');
  expect(() => resolve({ VolumesFrom: [''] })).toThrow('volumes-from specification cannot be an empty string');
});

test('a path inside a volume is kept for the start, and begins with what the image has', () => {
  const [mount] = resolve({ Mounts: [{ Type: 'volume', Source: 'v', Target: '/a', VolumeOptions: { Subpath: 'x' } }] });
  expect(mount?.details).toMatchObject({ subpath: 'x', copyUp: true });
});

test('modes of a bind', () => {
  for (const mode of ['', 'ro', 'rw,z', 'Z,rslave,nocopy,cached']) expect(isValidBindMode(mode)).toBe(true);
  for (const mode of ['x', 'ro,ro', 'z,Z', ',', 'shared,slave']) expect(isValidBindMode(mode)).toBe(false);
});
