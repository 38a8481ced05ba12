/** `RUN --mount=…` (Dockerfile reference, "RUN --mount"), in the words of BuildKit. */
import { suggestion } from './suggest.ts';

export type RunMountType = 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
export type CacheSharing = 'shared' | 'private' | 'locked';

export interface RunMount {
  readonly type: RunMountType;
  /** Stage, image or named context. */
  readonly from: string;
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly required: boolean;
  readonly id: string;
  /** Of a secret: the variable that it is put into; empty for a file alone. */
  readonly env: string;
  readonly sharing: CacheSharing;
  /** Of a cache, a secret or a socket. */
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Of a tmpfs; bytes, 0 for no limit. */
  readonly size: number;
}

const types: readonly string[] = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'];
const sharings: readonly string[] = ['shared', 'private', 'locked'];
const keys = ['type', 'from', 'source', 'target', 'readonly', 'id', 'sharing', 'required', 'mode', 'uid', 'gid', 'env', 'src', 'dst', 'ro', 'rw', 'readwrite'];

type Draft = { -readonly [Key in keyof RunMount]?: RunMount[Key] };

/** `expand` replaces variables in a value. Throws Error. */
export function parseRunMount(text: string, expand: (value: string) => string): RunMount {
  const draft: Draft = {};
  let sharing = '';
  for (const field of text.split(',')) {
    const equals = field.indexOf('=');
    const key = (equals === -1 ? field : field.slice(0, equals)).toLowerCase();
    if (key === 'sharing' && equals !== -1) sharing = sharingOf(expand(field.slice(equals + 1)));
    else if (equals === -1) setSwitch(draft, key, field);
    else setValue(draft, key, expand(field.slice(equals + 1)), field);
  }
  const type = draft.type ?? 'bind';
  check(type, draft, sharing);
  return {
    type, from: draft.from ?? '', source: draft.source ?? '', target: draft.target ?? '', required: draft.required ?? false, id: draft.id ?? '', env: draft.env ?? '',
    readOnly: draft.readOnly ?? !(type === 'cache' || type === 'tmpfs'),
    sharing: (sharing || 'shared') as CacheSharing, mode: draft.mode, uid: draft.uid, gid: draft.gid, size: draft.size ?? 0,
  };
}

function sharingOf(value: string): string {
  if (!sharings.includes(value.toLowerCase())) throw new Error(`unsupported sharing value ${JSON.stringify(value)}${suggestion(value, sharings)}`);
  return value.toLowerCase();
}

const forSecrets = (draft: Draft): boolean => draft.type === 'secret' || draft.type === 'ssh';
const unexpected = (key: string, draft: Draft) => new Error(`unexpected key '${key}' for mount type '${draft.type ?? 'bind'}'`);

function setSwitch(draft: Draft, key: string, field: string): void {
  if (key === 'readonly' || key === 'ro') draft.readOnly = true;
  else if (key === 'readwrite' || key === 'rw') draft.readOnly = false;
  else if (key !== 'required') throw new Error(`invalid field '${field}' must be a key=value pair`);
  else if (!forSecrets(draft)) throw unexpected(key, draft);
  else draft.required = true;
}

function setValue(draft: Draft, key: string, value: string, field: string): void {
  switch (key) {
    case 'type':
      if (!types.includes(value.toLowerCase())) throw new Error(`unsupported mount type ${JSON.stringify(value)}${suggestion(value, types)}`);
      draft.type = value.toLowerCase() as RunMountType;
      break;
    case 'from': draft.from = value; break;
    case 'source': case 'src': draft.source = value; break;
    case 'target': case 'dst': case 'destination': draft.target = value; break;
    case 'readonly': case 'ro': draft.readOnly = boolean(key, value); break;
    case 'readwrite': case 'rw': draft.readOnly = !boolean(key, value); break;
    case 'required':
      if (!forSecrets(draft)) throw unexpected(key, draft);
      draft.required = boolean(key, value);
      break;
    case 'size':
      if (draft.type !== 'tmpfs') throw unexpected(key, draft);
      draft.size = bytes(key, value);
      break;
    case 'id': draft.id = value; break;
    case 'env': draft.env = value; break;
    case 'mode':
      if (!/^[0-7]{1,10}$/.test(value)) throw new Error(`invalid value ${value} for mode`);
      draft.mode = Number.parseInt(value, 8);
      break;
    case 'uid': case 'gid':
      if (!/^\d{1,10}$/.test(value) || Number(value) > 0xffff_ffff) throw new Error(`invalid value ${value} for ${key}`);
      draft[key] = Number(value);
      break;
    default: throw new Error(`unexpected key '${key}' in '${field}'${suggestion(key, keys)}`);
  }
}

/** strconv.ParseBool. */
function boolean(key: string, value: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  throw new Error(`invalid value for ${key}: ${value}`);
}

/** units.RAMInBytes: `64m` is 64 MiB. */
function bytes(key: string, value: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(value) ?? [];
  if (number === undefined) throw new Error(`invalid value for ${key}: ${value}`);
  return Math.floor(Number(number) * 1024 ** ' kmgtp'.indexOf(unit.toLowerCase() || ' '));
}

function check(type: RunMountType, draft: Draft, sharing: string): void {
  if (type === 'bind' || type === 'tmpfs') {
    for (const key of ['mode', 'uid', 'gid'] as const) if (draft[key] !== undefined) throw new Error(`${key} not allowed for "${type}" type mounts`);
  }
  if (sharing !== '' && type !== 'cache') throw new Error(`invalid cache sharing set for ${type} mount`);
  if (type !== 'secret') return;
  if (draft.from) throw new Error('secret mount should not have a from');
  if (!draft.source && !draft.target && !draft.id) throw new Error('invalid secret mount. one of source, target required');
  if (draft.source && draft.id) throw new Error("both source and id can't be set");
}
