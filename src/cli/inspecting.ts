/** `inspect` in all its places: finds each name, prints the objects as one JSON array or each through a template. */
import type { Context } from './context.ts';
import { describeError } from './context.ts';
import { containerPath, imagePath } from './engine-paths.ts';
import { EngineError, ExitError } from './errors.ts';
import { type FlagSpec, flag } from './flags/spec.ts';
import type { Flags } from './flags/values.ts';
import type { HttpClient } from './http/client.ts';
import { print, printError } from './io/output.ts';

export type ObjectType = 'container' | 'image' | 'network' | 'volume';

export const FORMAT_FLAG: FlagSpec = flag('f,format', 'string', "'json' or a Go template");
export const SIZE_FLAG: FlagSpec = flag('s,size', 'bool', 'Show the sizes of containers');

const PATHS: Readonly<Record<ObjectType, (name: string) => string>> = {
  container: (name) => containerPath(name, '/json'),
  image: (name) => imagePath(name, '/json'),
  network: (name) => `/networks/${encodeURIComponent(name)}`,
  volume: (name) => `/volumes/${encodeURIComponent(name)}`,
};

/** Looks for every name among `types`, in that order. Returns the exit code: 1 when one is missing. */
export async function inspect(context: Context, flags: Flags, names: readonly string[], types: readonly ObjectType[]): Promise<number> {
  const engine = await context.engine();
  const size = flags.changed('size') && flags.bool('size');
  const found: unknown[] = [];
  const problems: string[] = [];
  for (const name of names) {
    try {
      found.push(await find(engine, name, types, size));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      problems.push(types.length > 1 && error.status === 404 ? `Error: No such object: ${name}` : describeError(error));
    }
  }
  await show(found, flags.string('format'));
  for (const problem of problems) printError(problem);
  return problems.length === 0 ? 0 : 1;
}

async function find(engine: HttpClient, name: string, types: readonly ObjectType[], size: boolean): Promise<unknown> {
  let missing: unknown;
  for (const type of types) {
    try {
      return await (await engine.request('GET', PATHS[type](name), { query: { size: size && type === 'container' } })).json<unknown>();
    } catch (error) {
      // 501: an engine that has no such kind of thing yet; 400: the name cannot be one of these.
      if (!(error instanceof EngineError) || ![400, 404, 501].includes(error.status)) throw error;
      missing = new EngineError(404, error.message);
    }
  }
  throw missing;
}

async function show(found: readonly unknown[], format: string): Promise<void> {
  if (format === '') {
    print(`${JSON.stringify(found, null, 4)}\n`);
    return;
  }
  if (format === 'json') {
    print(`${JSON.stringify(found)}\n`);
    return;
  }
  const { Template } = await import('./format/template.ts');
  const template = new Template(format);
  try {
    print(found.map((item) => `${template.execute(item)}\n`).join(''));
  } catch (error) {
    throw new ExitError(1, `template parsing error: ${(error as Error).message}`);
  }
}
