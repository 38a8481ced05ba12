/** `KEY=VALUE` options, and the files that hold them. */
import * as fs from 'node:fs';
import { FlagError } from '../errors.ts';

/** Splits at the first `=`; no `=` gives an empty value. */
export function splitPair(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

export function toMap(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(pairs.map(splitPair));
}

const ours = (name: string) => process.env[name];

/**
 * The variables of `--env-file` files, then those of `--env`. A name alone stands for our own variable of that name; one we do
 * not have is left out of a file, and passed bare from `--env`, which unsets the image's.
 */
export function readEnvironment(files: readonly string[], options: readonly string[]): string[] {
  const fromFiles = files.flatMap((file) => readLines(file, ours));
  const fromOptions = options.map((option) => {
    if (option.startsWith('=') || option === '') {
      throw new FlagError(`invalid argument ${JSON.stringify(option)} for "-e, --env" flag: invalid environment variable: ${option}`);
    }
    const value = option.includes('=') ? undefined : ours(option);
    return value === undefined ? option : `${option}=${value}`;
  });
  return [...fromFiles, ...fromOptions];
}

/** The labels of `--label-file` files, then those of `--label`. */
export function readLabels(files: readonly string[], options: readonly string[]): Record<string, string> {
  for (const option of options) {
    if (option.startsWith('=')) {
      throw new FlagError(`invalid argument ${JSON.stringify(option)} for "-l, --label" flag: invalid label '${option}': empty name`);
    }
  }
  return toMap([...files.flatMap((file) => readLines(file, () => undefined)), ...options]);
}

/** Lines of a file of pairs: `#` comments and empty lines do not count, white space before a name does not, after it is an error. */
function readLines(file: string, missing: (name: string) => string | undefined): string[] {
  const bytes = readOption(file);
  const text = bytes.toString();
  if (!Buffer.from(text).equals(bytes)) throw new Error(`invalid utf8 bytes in ${file}`);
  const result: string[] = [];
  for (const [number, raw] of text.replace(/^\ufeff/, '').split(/\r?\n/).entries()) {
    const line = raw.trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const [name] = splitPair(line);
    if (name === '') throw new Error(`invalid environment variable at line ${number + 1} of ${file}: no variable name on line '${line}'`);
    if (/\s/.test(name)) throw new Error(`invalid env file (${file}): variable '${name}' contains whitespaces`);
    const value = line.includes('=') ? undefined : missing(name);
    if (line.includes('=')) result.push(line);
    else if (value !== undefined) result.push(`${name}=${value}`);
  }
  return result;
}

/** Reads a file named on the command line; throws Go's sentence for the usual failures. */
export function readOption(file: string): Buffer {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    throw new Error(openFailure(file, error), { cause: error });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory', EACCES: 'permission denied', EISDIR: 'is a directory', ENOTDIR: 'not a directory',
};

export function openFailure(file: string, error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return `open ${file}: ${REASONS[code] ?? message}`;
}
