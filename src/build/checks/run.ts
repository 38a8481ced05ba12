/** The checks that a build wants, from the Dockerfile's own words and the build's arguments. */
import { invalidParameter } from '../../errors.ts';
import { expand } from '../../images/shell-words.ts';
import { readSource } from '../dockerfile/lines.ts';
import { BuildArgs } from '../frontend/build-args.ts';
import { IgnorePatterns, readIgnoreFile } from '../ignore-patterns.ts';
import { checkDockerfile, type CheckInput } from './check.ts';
import { isWanted, parseCheckOptions } from './options.ts';
import type { CheckWarning } from './rules.ts';

export interface ChecksInput extends Pick<CheckInput, 'text' | 'dockerfile' | 'platformArgs' | 'environmentOf'> {
  /** The text of `.dockerignore`. */
  readonly ignore: string;
  readonly buildArgs: Readonly<Record<string, string | null>>;
}

export interface Checks {
  readonly warnings: readonly CheckWarning[];
  /** In BuildKit's words; undefined where warnings do not count as errors. */
  readonly error: Error | undefined;
}

/** Throws invalid-parameter for options that are none. */
export function runChecks({ text, dockerfile, ignore, buildArgs, platformArgs, environmentOf }: ChecksInput): Checks {
  const source = readSource(text);
  const options = parseCheckOptions(buildArgs['BUILDKIT_DOCKERFILE_CHECK'] ?? source.directives.check);
  const args = new BuildArgs(buildArgs, platformArgs);
  args.declareGlobals(dockerfile);
  const patterns = new IgnorePatterns(readIgnoreFile(ignore));
  const warnings = checkDockerfile({
    text, source, dockerfile, platformArgs, environmentOf,
    baseName: (base) => expand(base, (name) => args.global(name), { escape: dockerfile.escape }),
    isIgnored: (path) => patterns.matches(path),
  }).filter((warning) => isWanted(options, warning));
  const rules = [...new Set(warnings.map(({ rule }) => rule))].sort();
  const isError = options.isError && rules.length > 0;
  return { warnings, error: isError ? invalidParameter(`lint violation found for rules: ${rules.join(', ')}`) : undefined };
}

/** In the shape of `docker buildx build --call=check,format=json`. */
export const warningsJson = (warnings: readonly CheckWarning[]): object[] => warnings.map(({ rule, description, url, detail, ranges }) => ({
  ruleName: rule, description, url, detail, location: { ranges: ranges.map(({ start, end }) => ({ start: { line: start }, end: { line: end } })) },
}));

/** `KEY=value` of an image's configuration. */
export const environmentIn = (config: Readonly<Record<string, unknown>> | undefined): readonly string[] =>
  (Array.isArray(config?.['Env']) ? (config['Env'] as string[]) : []);
