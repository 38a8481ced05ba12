/** `--mount`, `--volume` and `--tmpfs`. */
import * as path from 'node:path';
import * as os from 'node:os';
import type { MountPoint } from '../../engine/docker-types.ts';
import { FlagError } from '../errors.ts';
import { parseBytes } from '../format/quantity.ts';
import { splitPair } from './key-values.ts';

type Setter = (mount: MountPoint, value: string, key: string) => void;

const bind = (mount: MountPoint) => (mount.BindOptions ??= {});
const volume = (mount: MountPoint) => (mount.VolumeOptions ??= {});
const tmpfs = (mount: MountPoint) => (mount.TmpfsOptions ??= {});

function boolean(value: string, key: string): boolean {
  if (/^(|1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new Error(`invalid value for ${key}: ${value}`);
}

function octal(value: string): number {
  if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for tmpfs-mode: ${value}`);
  return Number.parseInt(value, 8);
}

function recursion(mount: MountPoint, value: string): void {
  switch (value) {
    case 'enabled':
      return;
    case 'disabled':
      bind(mount).NonRecursive = true;
      return;
    case 'writable':
      bind(mount).ReadOnlyNonRecursive = true;
      return;
    case 'readonly':
      bind(mount).ReadOnlyForceRecursive = true;
      return;
    default:
      throw new Error(`invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`);
  }
}

const source: Setter = (mount, value) => {
  mount.Source = value.startsWith('.') ? path.resolve(value) : value;
};
const target: Setter = (mount, value) => (mount.Target = value);
const readOnly: Setter = (mount, value, key) => {
  if (boolean(value, key)) mount.ReadOnly = true;
  else delete mount.ReadOnly;
};

const KEYS: Readonly<Record<string, Setter>> = {
  type: (mount, value) => (mount.Type = value.toLowerCase() as NonNullable<MountPoint['Type']>),
  source, src: source, target, dst: target, destination: target, readonly: readOnly, ro: readOnly,
  consistency: (mount, value) => (mount.Consistency = value.toLowerCase()),
  'bind-propagation': (mount, value) => (bind(mount).Propagation = value.toLowerCase()),
  'bind-nonrecursive': (mount, value, key) => (bind(mount).NonRecursive = boolean(value, key)),
  'bind-recursive': recursion,
  'volume-subpath': (mount, value) => (volume(mount).Subpath = value),
  'volume-nocopy': (mount, value, key) => (volume(mount).NoCopy = boolean(value, key)),
  'volume-label': (mount, value) => addPair((volume(mount).Labels ??= {}), value),
  'volume-driver': (mount, value) => ((volume(mount).DriverConfig ??= {}).Name = value),
  'volume-opt': (mount, value) => addPair(((volume(mount).DriverConfig ??= {}).Options ??= {}), value),
  'image-subpath': (mount, value) => ((mount.ImageOptions ??= {}).Subpath = value),
  'tmpfs-size': (mount, value) => {
    try {
      tmpfs(mount).SizeBytes = parseBytes(value);
    } catch {
      throw new Error(`invalid value for tmpfs-size: ${value}`);
    }
  },
  'tmpfs-mode': (mount, value) => (tmpfs(mount).Mode = octal(value)),
};

function addPair(map: Record<string, string>, text: string): void {
  const [key, value] = splitPair(text);
  map[key] = value;
}

/** The keys that may stand without a value. */
const FLAGS = new Set(['readonly', 'ro', 'volume-nocopy', 'bind-nonrecursive']);

/** Parses `type=bind,src=/a,dst=/b,readonly`; the fields are CSV, so a field with a comma is quoted. */
export function parseMount(text: string): MountPoint {
  try {
    return checked(fill(text));
  } catch (error) {
    throw new FlagError(`invalid argument ${JSON.stringify(text)} for "--mount" flag: ${(error as Error).message}`);
  }
}

function fill(text: string): MountPoint {
  const mount: MountPoint = { Type: 'volume' };
  for (const field of csvFields(text.trim())) {
    const [key, value] = splitPair(field);
    const name = key.toLowerCase();
    if (!field.includes('=') && !FLAGS.has(name)) throw new Error(`invalid field '${field}' must be a key=value pair`);
    const set = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined;
    if (set === undefined) throw new Error(`unexpected key '${name}' in '${field}'`);
    set(mount, value, name);
  }
  return mount;
}

function checked(mount: MountPoint): MountPoint {
  if ((mount.Target ?? '') === '') throw new Error('target is required');
  const { Type: type, BindOptions: options } = mount;
  if (options && type !== 'bind') throw new Error(`cannot mix 'bind-*' options with mount type '${type}'`);
  if (mount.VolumeOptions && type !== 'volume') throw new Error(`cannot mix 'volume-*' options with mount type '${type}'`);
  if (mount.ImageOptions && type !== 'image') throw new Error(`cannot mix 'image-*' options with mount type '${type}'`);
  if (mount.TmpfsOptions && type !== 'tmpfs') throw new Error(`cannot mix 'tmpfs-*' options with mount type '${type}'`);
  if (options?.ReadOnlyNonRecursive && !mount.ReadOnly) {
    throw new Error("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction");
  }
  if (options?.ReadOnlyForceRecursive) {
    if (!mount.ReadOnly) throw new Error("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
    if (options.Propagation !== 'rprivate') {
      throw new Error("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction");
    }
  }
  return mount;
}

/** One record of CSV (RFC 4180). */
export function csvFields(text: string): string[] {
  const fields: string[] = [];
  const field = /("(?:[^"]|"")*"|[^,]*)(,|$)/y;
  for (;;) {
    const match = field.exec(text);
    if (match === null) throw new Error(`parse error on line 1, column ${field.lastIndex + 1}: bare " in non-quoted-field`);
    const value = match[1] as string;
    fields.push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
    if (match[2] === '') return fields;
  }
}

/** What `--volume` options come to: binds as the engine takes them, and anonymous volumes. */
export interface Volumes {
  readonly binds: string[];
  readonly anonymous: Record<string, object>;
}

/** Sorts `--volume` options; a source beginning with `.` or `~` becomes absolute here, because the engine cannot know our place. */
export function parseVolumes(options: readonly string[]): Volumes {
  const binds = new Set<string>();
  const anonymous: Record<string, object> = {};
  for (const option of options) {
    if (option === '') throw new Error('invalid empty volume spec');
    const parts = option.split(':');
    if (parts.includes('')) throw new Error(`invalid spec: ${option}: empty section between colons`);
    if (parts.length === 1) anonymous[option] = {};
    else binds.add([absoluteSource(parts[0] as string), ...parts.slice(1)].join(':'));
  }
  return { binds: [...binds], anonymous };
}

function absoluteSource(source: string): string {
  if (source.startsWith('.')) return path.resolve(source);
  return source === '~' || source.startsWith('~/') ? path.join(os.homedir(), source.slice(1)) : source;
}

/** `--tmpfs /run:size=64m` → `{"/run": "size=64m"}`. */
export function parseTmpfs(options: readonly string[]): Record<string, string> | undefined {
  if (options.length === 0) return undefined;
  return Object.fromEntries(options.map((option) => {
    const colon = option.indexOf(':');
    return colon < 0 ? [option, ''] : [option.slice(0, colon), option.slice(colon + 1)];
  }));
}
