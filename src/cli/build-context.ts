/** The context of `caisson build`: a directory without what its `.dockerignore` names, as a tar. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { IgnorePatterns, readIgnoreFile } from '../build/ignore-patterns.ts';
import { lookUp } from '../storage/lookup.ts';
import { archive, packFoundContents, walkOf } from '../storage/pack.ts';
import { fromByteString, toByteString } from '../storage/tar/entry.ts';
import { encodeHeader, padding } from '../storage/tar/writer.ts';
import { ExitError } from './errors.ts';

export interface BuildContext {
  readonly archive: AsyncIterable<Uint8Array>;
  /** Where the Dockerfile is in it. */
  readonly dockerfile: string;
}

/**
 * `dockerfile`: its path, empty for `Dockerfile` in the directory; `text` instead, when it was read from elsewhere. Throws ExitError for
 * what cannot be read.
 */
export function buildContext(directory: string, dockerfile: string, text: string | undefined): BuildContext {
  const root = realDirectory(directory);
  const inside = text === undefined ? path.relative(root, path.resolve(dockerfile || path.join(root, 'Dockerfile'))) : '';
  if (text !== undefined || inside.startsWith('..')) return withDockerfile(root, text ?? readText(dockerfile));
  if (!fs.existsSync(path.join(root, inside))) throw new ExitError(1, `unable to prepare context: no such file: ${path.join(root, inside)}`);
  return { archive: archive(pieces(root, ignored(root, [inside]), [])), dockerfile: inside };
}

function realDirectory(directory: string): string {
  try {
    const root = fs.realpathSync(directory);
    if (fs.statSync(root).isDirectory()) return root;
  } catch {
    throw new ExitError(1, `unable to prepare context: path ${JSON.stringify(directory)} not found`);
  }
  throw new ExitError(1, `unable to prepare context: ${directory} is not a directory`);
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ExitError(1, `unable to prepare context: cannot read ${file}: ${(cause as Error).message}`);
  }
}

/** A Dockerfile that is not in the directory goes along under a name that nothing has, and is not part of the context. */
function withDockerfile(root: string, text: string): BuildContext {
  const name = `.dockerfile.${randomBytes(10).toString('hex')}`;
  const ignore = path.join(root, '.dockerignore');
  const patterns = fs.existsSync(ignore) ? fs.readFileSync(ignore, 'utf8') : '.dockerignore\n';
  const files: [string, string][] = [[name, text], ['.dockerignore', `${patterns}\n${name}\n`]];
  const skip = ignored(root, []);
  return { archive: archive(pieces(root, (entry) => entry === '.dockerignore' || skip(entry), files)), dockerfile: name };
}

/** The daemon needs the Dockerfile and `.dockerignore` whatever the latter says. */
function ignored(root: string, needed: readonly string[]): (name: string) => boolean {
  const file = path.join(root, '.dockerignore');
  if (!fs.existsSync(file)) return () => false;
  const patterns = new IgnorePatterns([...readIgnoreFile(fs.readFileSync(file, 'utf8')), ...['.dockerignore', ...needed].map((name) => `!${name}`)]);
  return (name) => patterns.matches(name) && !isDirectory(path.join(root, name));
}

/** An exception may be anywhere below a directory. */
const isDirectory = (name: string): boolean => fs.lstatSync(name, { throwIfNoEntry: false })?.isDirectory() === true;

function* pieces(root: string, skip: (name: string) => boolean, files: readonly [string, string][]): Generator<Uint8Array> {
  const found = lookUp([root], '');
  if (found === undefined) return;
  yield* packFoundContents(found, '', walkOf({ whiteouts: 'none', owner: () => ({ uid: 0, gid: 0 }), skip: (name) => skip(fromByteString(name)) }));
  for (const [name, text] of files) {
    const bytes = Buffer.from(text);
    yield encodeHeader({ name: toByteString(name), type: 'file', mode: 0o644, size: bytes.length });
    yield bytes;
    yield padding(bytes.length);
  }
}
