/** Build checks on the classic way in: an extension, which clients of Docker's never ask for. */
import { invalidParameter, isClass } from '../../errors.ts';
import type { Platform } from '../../images/platform.ts';
import type { ImageService, ProgressRecord } from '../../images/service.ts';
import { expand } from '../../images/shell-words.ts';
import { checkDockerfile } from '../checks/check.ts';
import { isWanted, parseCheckOptions } from '../checks/options.ts';
import type { CheckWarning } from '../checks/rules.ts';
import { readContextFile } from '../context/dockerfile.ts';
import type { Dockerfile } from '../dockerfile/instruction.ts';
import { readSource } from '../dockerfile/lines.ts';
import { BuildArgs } from '../frontend/build-args.ts';
import { IgnorePatterns, readIgnoreFile } from '../ignore-patterns.ts';

export interface ChecksInput {
  readonly text: string;
  readonly dockerfile: Dockerfile;
  /** The text of `.dockerignore`. */
  readonly ignore: string;
  readonly buildArgs: Readonly<Record<string, string | null>>;
  readonly platformArgs: Readonly<Record<string, string>>;
  readonly platform: Platform | undefined;
  readonly images: ImageService;
}

export interface Checks {
  readonly warnings: readonly CheckWarning[];
  /** In BuildKit's words; undefined where warnings do not count as errors. */
  readonly error: Error | undefined;
}

export const readIgnore = (context: string): string => readContextFile(context, '.dockerignore') ?? '';

/** Throws invalid-parameter for options that are none. */
export function runChecks({ text, dockerfile, ignore, buildArgs, platformArgs, platform, images }: ChecksInput): Checks {
  const source = readSource(text);
  const options = parseCheckOptions(buildArgs['BUILDKIT_DOCKERFILE_CHECK'] ?? source.directives.check);
  const args = new BuildArgs(buildArgs, platformArgs);
  args.declareGlobals(dockerfile);
  const patterns = new IgnorePatterns(readIgnoreFile(ignore));
  const warnings = checkDockerfile({
    text, source, dockerfile, platformArgs,
    baseName: (base) => expand(base, (name) => args.global(name), { escape: dockerfile.escape }),
    environmentOf: (name) => environment(images, name, platform),
    isIgnored: (path) => patterns.matches(path),
  }).filter((warning) => isWanted(options, warning));
  const rules = [...new Set(warnings.map(({ rule }) => rule))].sort();
  const isError = options.isError && rules.length > 0;
  return { warnings, error: isError ? invalidParameter(`lint violation found for rules: ${rules.join(', ')}`) : undefined };
}

/** Nothing is asked of a registry for the sake of a warning. */
function environment(images: ImageService, name: string, platform: Platform | undefined): readonly string[] | undefined {
  try {
    const { Env } = (images.get(name, platform).config.config ?? {}) as { Env?: readonly string[] | null };
    return Env ?? [];
  } catch (error) {
    if (isClass(error, 'not-found') || isClass(error, 'invalid-parameter')) return undefined;
    throw error;
  }
}

/** In the shape of `docker buildx build --call=check,format=json`. */
export const checksRecord = (warnings: readonly CheckWarning[]): ProgressRecord => ({
  checks: warnings.map(({ rule, description, url, detail, ranges }) => ({
    ruleName: rule, description, url, detail, location: { ranges: ranges.map(({ start, end }) => ({ start: { line: start }, end: { line: end } })) },
  })),
});
