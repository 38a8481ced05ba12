/** `# check=skip=RULE,…;error=true;experimental=RULE,…`, and the build argument BUILDKIT_DOCKERFILE_CHECK, which says the same and counts more. */
import { invalidParameter } from '../../errors.ts';
import { type CheckWarning, isExperimental } from './rules.ts';

export interface CheckOptions {
  readonly skip: 'all' | ReadonlySet<string>;
  readonly experimental: 'all' | ReadonlySet<string>;
  /** A build with warnings fails. */
  readonly isError: boolean;
}

/** Throws invalid-parameter in BuildKit's words. */
export function parseCheckOptions(text: string | undefined): CheckOptions {
  let options: CheckOptions = { skip: new Set(), experimental: new Set(), isError: false };
  for (const part of (text ?? '').trim().split(';').filter((each) => each !== '')) {
    const equals = part.indexOf('=');
    if (equals === -1) throw invalidParameter(`invalid check option ${JSON.stringify(part)}`);
    const [key, value] = [part.slice(0, equals).trim(), part.slice(equals + 1).trim()];
    if (key === 'skip') options = { ...options, skip: rulesOf(value) };
    else if (key === 'experimental') options = { ...options, experimental: rulesOf(value) };
    else if (key === 'error') options = { ...options, isError: booleanOf(value, part) };
    else throw invalidParameter(`invalid check option ${JSON.stringify(key)}`);
  }
  return options;
}

const rulesOf = (value: string): 'all' | ReadonlySet<string> => (value === 'all' ? 'all' : new Set(value.split(',').map((rule) => rule.trim())));

/** strconv.ParseBool. */
function booleanOf(value: string, part: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  throw invalidParameter(`failed to parse check option ${JSON.stringify(part)}: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
}

/** Whether somebody wants to hear of it. */
export function isWanted({ skip, experimental }: CheckOptions, { rule }: CheckWarning): boolean {
  if (isExperimental(rule)) return experimental === 'all' || experimental.has(rule);
  return skip !== 'all' && !skip.has(rule);
}
