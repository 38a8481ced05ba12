/** Logging drivers and their options (`--log-driver`, `--log-opt`), of the daemon and of a container. */
import { invalidParameter, systemError } from '../errors.ts';
import { parseSize } from '../sizes.ts';
import type { LogBounds } from './settings.ts';

type Options = Readonly<Record<string, string>>;

/** Docker's `local` driver has the same total; its `json-file` has no bound, and fills disks. */
export const defaultLogBounds: LogBounds = { maxSize: 20_000_000, maxFiles: 5 };

/** Options of any driver. Writing to the log never holds a container up, so they change nothing. */
const commonOptions = new Set(['mode', 'max-buffer-size']);
const boundOptions = ['max-size', 'max-file', 'compress'];
const attributeOptions = ['labels', 'labels-regex', 'env', 'env-regex', 'tag'];

/** Each driver's own options. `local` is written as `json-file` is: how it looks on disk is nobody's business, says Docker. */
const drivers: Readonly<Record<string, { readonly options: ReadonlySet<string>; readonly unknown: (option: string) => string }>> = {
  'json-file': { options: new Set([...boundOptions, ...attributeOptions]), unknown: (option) => `unknown log opt '${option}' for json-file log driver` },
  local: { options: new Set(boundOptions), unknown: (option) => `unknown log opt '${option}' for log driver local` },
};

/** What is refused when a container is created, in Docker's words. */
export function validateLogOptions(driver: string, options: Options): void {
  if (driver === 'none') return;
  const { mode = '', 'max-buffer-size': size } = options;
  if (!['', 'blocking', 'non-blocking'].includes(mode)) throw invalidParameter(`logger: logging mode not supported: ${mode}`);
  if (size !== undefined) {
    if (mode !== 'non-blocking') throw invalidParameter("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    if (parseSize(size, 1000) === undefined) throw invalidParameter(`error parsing option max-buffer-size: invalid size: '${size}'`);
  }
  const known = drivers[driver];
  if (known === undefined) throw invalidParameter(`error looking up logging plugin ${driver}: plugin "${driver}" not found`);
  const unknown = Object.keys(options).find((option) => !commonOptions.has(option) && !known.options.has(option));
  if (unknown !== undefined) throw invalidParameter(known.unknown(unknown));
}

/** Options override `fallback`. A size without a file count keeps one file, as with Docker; `max-size=-1` is without limit. */
export function parseLogBounds(options: Options, fallback: LogBounds): LogBounds {
  const { 'max-size': size, 'max-file': files } = options;
  const maxSize = size === undefined ? fallback.maxSize : parseMaxSize(size);
  const maxFiles = files === undefined ? (size === undefined ? fallback.maxFiles : 1) : parseFiles(files);
  checkCompress(options.compress, maxFiles);
  return { maxSize, maxFiles };
}

/** The same when a container is started: Docker looks at the values then. */
export function startedLogBounds(options: Options, fallback: LogBounds): LogBounds {
  try {
    return parseLogBounds(options, fallback);
  } catch (cause) {
    throw logFailure(cause instanceof Error ? cause.message : String(cause));
  }
}

/** Why a container cannot be started. */
export const logFailure = (reason: string) => systemError(`failed to create task for container: failed to initialize logging driver: ${reason}`);

function parseMaxSize(text: string): number {
  if (text === '-1') return 0;
  const size = parseSize(text, 1000);
  if (size === undefined) throw invalidParameter(`invalid size: '${text}'`);
  if (size <= 0) throw invalidParameter('max-size must be a positive number');
  return size;
}

function parseFiles(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw invalidParameter(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  const count = Number(text);
  if (count < 1) throw invalidParameter('max-file cannot be less than 1');
  return count;
}

/** Rotated files are kept as they are: reading a log backwards would have to unpack them. What Docker refuses is refused. */
function checkCompress(text: string | undefined, maxFiles: number): void {
  if (text === undefined) return;
  if (!/^(?:[10tf]|true|false|True|False|TRUE|FALSE)$/i.test(text)) {
    throw invalidParameter(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  if (/^[1t]/i.test(text) && maxFiles === 1) {
    throw invalidParameter('compress cannot be true when max-file is less than 2 or max-size is not set');
  }
}
