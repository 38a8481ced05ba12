/**
 * The corpus of Dockerfiles, `test/corpus/*.txt`: each case is a line `==== name`, a Dockerfile, a line `----`, and what comes of it.
 * After a `|` the first line may have `buildkit` (Docker's classic builder does not take it),
 * `newer` (nor does BuildKit of Docker Engine 28) and build arguments (`A=1`).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { TarReader } from '../../src/storage/tar/reader.ts';
import type { TarEntry } from '../../src/storage/tar/entry.ts';

export interface CorpusCase {
  readonly name: string;
  readonly needsBuildkit: boolean;
  /** No Docker Engine that can be the judge has it. */
  readonly isNewer: boolean;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly dockerfile: string;
  /** `error …`, or lines of the configuration and of the files. */
  readonly expected: string;
}

export function readCorpus(file: string): CorpusCase[] {
  return readFileSync(file, 'utf8').split(/^==== /m).slice(1).map((text) => {
    const head = text.slice(0, text.indexOf('\n'));
    const [name = '', options = ''] = head.split(' | ');
    const words = options.split(' ').filter((word) => word !== '');
    const [dockerfile = '', expected = ''] = text.slice(head.length + 1).split(/^----\n/m);
    const buildArgs = Object.fromEntries(words.filter((word) => word.includes('=')).map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));
    return { name, needsBuildkit: words.includes('buildkit'), isNewer: words.includes('newer'), buildArgs, dockerfile, expected: expected.trimEnd() };
  });
}

/** Writes down what the judge has said. */
export function recordCorpus(file: string, results: ReadonlyMap<string, string>): void {
  const cases = readFileSync(file, 'utf8').split(/^(?===== )/m).filter((text) => text.startsWith('==== '));
  writeFileSync(file, cases.map((text) => {
    const name = text.slice('==== '.length, text.indexOf('\n')).split(' | ')[0]!;
    return `${text.split(/^----\n/m)[0]}----\n${results.get(name) ?? text.split(/^----\n/m)[1] ?? ''}\n\n`.replace(/\n{3,}$/, '\n\n');
  }).join(''));
}

interface Member {
  readonly entry: TarEntry;
  readonly data: Buffer;
}

function members(archive: Uint8Array): Member[] {
  const reader = new TarReader();
  const found: Member[] = [];
  let pieces: Uint8Array[] = [];
  reader.feed(Buffer.from(archive));
  for (let event = reader.next(); event; event = reader.next()) {
    if (event.type === 'entry') pieces = [];
    else if (event.type === 'data') pieces.push(Buffer.from(event.chunk));
    else found.push({ entry: event.entry, data: Buffer.concat(pieces) });
  }
  return found;
}

export interface SavedImage {
  readonly config: Readonly<Record<string, unknown>>;
  /** Archives, the lowest first. */
  readonly layers: readonly Buffer[];
}

/** What `docker save` gives of one image. */
export function savedImage(archive: Uint8Array): SavedImage {
  const files = new Map(members(archive).map(({ entry, data }) => [entry.name, data]));
  const [manifest] = JSON.parse(files.get('manifest.json')!.toString()) as [{ Config: string; Layers: string[] }];
  const { config = {}, author } = JSON.parse(files.get(manifest.Config)!.toString()) as { config?: object; author?: string };
  return { config: { ...config, ...(author ? { author } : {}) }, layers: manifest.Layers.map((name) => files.get(name)!) };
}

/** Fields of the configuration that are not the base's, and what the layers on the base's have. */
export function describeImage(image: SavedImage, base: SavedImage | undefined, contextTime: number): string {
  // Docker's builders differ in whether the root directory is named.
  const isEmpty = (value: unknown) => value === null || value === '/' || value === '' || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0);
  const text = (value: unknown) => (isEmpty(value) ? 'none' : JSON.stringify(sorted(value)));
  // Docker's classic builder writes down what its last container was made of.
  const notTold = new Set(['Image', 'Hostname', 'Domainname', 'ArgsEscaped', 'AttachStdin', 'AttachStdout', 'AttachStderr', 'Tty', 'OpenStdin', 'StdinOnce']);
  const names = [...new Set([...Object.keys(image.config), ...Object.keys(base?.config ?? {})])].filter((name) => !notTold.has(name)).sort();
  const fields = names.filter((name) => text(image.config[name]) !== text(base?.config[name])).map((name) => `${name} ${text(image.config[name])}`);
  return [...fields, ...describeLayers(image.layers.slice(base?.layers.length ?? 0), base, contextTime)].join('\n');
}

/** Objects are sets to Docker. */
function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** BuildKit makes them for every RUN, and leaves them behind. */
const mountPoints: ReadonlySet<string> = new Set(['proc', 'sys']);

/** `@` marks a file that has kept the time that the context gave it. */
function describeLayers(layers: readonly Buffer[], base: SavedImage | undefined, contextTime: number): string[] {
  const known = new Set((base?.layers ?? []).flatMap(members).filter(({ entry }) => entry.type === 'directory').map(({ entry }) => pathOf(entry.name)));
  const lines = new Map<string, string>();
  for (const { entry, data } of layers.flatMap(members)) {
    const path = pathOf(entry.name);
    // A directory that is only on the way is in some layers of Docker's, and in others not.
    if (path === '' || (entry.type === 'directory' && (known.has(path) || mountPoints.has(path)))) continue;
    const whiteout = /^(.*\/)?\.wh\.([^/]+)$/.exec(path);
    if (whiteout) lines.set(`${whiteout[1] ?? ''}${whiteout[2]}`, 'gone');
    else lines.set(path, described(entry, data, contextTime));
  }
  return [...lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, line]) => `/${Buffer.from(path, 'latin1').toString()} ${line}`);
}

const pathOf = (name: string): string => name.replace(/^\.?\//, '').replace(/\/$/, '');

function described({ type, mode, uid, gid, mtime, linkName, xattrs }: TarEntry, data: Buffer, contextTime: number): string {
  const permissions = type === 'symlink' ? '' : `${(mode & 0o7777).toString(8)} `;
  const attributes = [...(xattrs ?? [])].map(([name, value]) => ` ${name}=${Buffer.from(value).toString('base64')}`).sort().join('');
  const content = { file: JSON.stringify(data.length > 60 ? `${data.length} bytes` : data.toString()), symlink: `-> ${linkName}`, 'hard-link': `= ${linkName}`, directory: 'directory' };
  const time = type === 'file' && mtime.seconds === contextTime ? ' @' : '';
  return `${permissions}${uid}:${gid} ${type in content ? content[type as keyof typeof content] : type}${time}${attributes}`;
}
