/** What stands in /dev: device nodes, and the links that programs expect. */
import type { OciConfig, OciDevice } from '../oci.ts';
import type { Operation } from '../plan/operations.ts';
import { op } from './op.ts';

const typeBits = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 } as const;

/** Every container has these (runtime-spec, config-linux.md "Default Devices"). */
const defaultDevices: readonly OciDevice[] = (
  [
    ['null', 1, 3],
    ['zero', 1, 5],
    ['full', 1, 7],
    ['random', 1, 8],
    ['urandom', 1, 9],
    ['tty', 5, 0],
  ] as const
).map(([name, major, minor]) => ({ path: `/dev/${name}`, type: 'c', major, minor, fileMode: 0o666, uid: 0, gid: 0 }));

const links: readonly (readonly [path: string, to: string])[] = [
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
  ['/dev/core', '/proc/kcore'],
  ['/dev/ptmx', 'pts/ptmx'],
];

/** False when the configuration brings a /dev from elsewhere, which is left as it is. */
const hasOwnDev = (config: OciConfig): boolean =>
  !config.mounts.some(
    ({ destination, type, options }) =>
      destination === '/dev' &&
      (type === 'bind' || options?.some((option) => option === 'bind' || option === 'rbind') === true),
  );

/**
 * Makes the nodes and links. The kernel refuses mknod(2) of devices in a user namespace, so there the host's nodes are
 * bound (`remapped`).
 */
export function compileDevices(config: OciConfig, remapped: boolean, hasKcore: boolean): Operation[] {
  if (!hasOwnDev(config)) return [];
  const given = config.linux.devices ?? [];
  const replaced = new Set(given.map(({ path }) => path));
  const devices = [...defaultDevices.filter(({ path }) => !replaced.has(path)), ...given];
  return [
    ...devices.map((device) => (remapped && device.type !== 'p' ? bindNode(device) : makeNode(device))),
    ...links.filter(([path]) => hasKcore || path !== '/dev/core').map(([path, to]) => op('symlinkIn', 'a name that programs expect', { path, to })),
  ];
}

const bindNode = ({ path }: OciDevice): Operation =>
  op('mountIn', 'a device of the host: nodes cannot be made in a user namespace', {
    type: 'bind',
    source: path,
    slot: -1,
    target: path,
    attributes: 0n,
    options: [],
    propagation: 0n,
    flags: 0,
  });

const makeNode = ({ path, type, major, minor, fileMode = 0o666, uid = 0, gid = 0 }: OciDevice): Operation =>
  op('mknodIn', 'a device the container may use', { path, mode: typeBits[type] | fileMode, major, minor, uid, gid });
