/** `--cap-add`, `--cap-drop`, `--security-opt` and the name space modes that are checked here. */
import { readOption } from './key-values.ts';

export interface Security {
  readonly options: string[] | null;
  /** Empty lists after `systempaths=unconfined`; null leaves the engine's defaults. */
  readonly maskedPaths: string[] | null;
  readonly readonlyPaths: string[] | null;
}

/** Reads seccomp profiles, because the engine cannot see our files, and takes `systempaths` out, which is ours to translate. */
export function parseSecurity(options: readonly string[]): Security {
  const kept: string[] = [];
  let unconfined = false;
  for (const option of options) {
    const match = /^([^=:]+)[=:](.*)$/s.exec(option);
    if (match === null && option !== 'no-new-privileges') throw new Error(`Invalid --security-opt: ${JSON.stringify(option)}`);
    if (option === 'systempaths=unconfined') unconfined = true;
    else if (match?.[1] === 'seccomp' && !['unconfined', 'builtin'].includes(match[2] as string)) {
      kept.push(`seccomp=${compactProfile(match[2] as string)}`);
    } else kept.push(option);
  }
  const paths = unconfined ? [] : null;
  return { options: options.length === 0 ? null : kept, maskedPaths: paths, readonlyPaths: paths };
}

function compactProfile(file: string): string {
  let text: string;
  try {
    text = readOption(file).toString();
  } catch (error) {
    throw new Error(`opening seccomp profile (${file}) failed: ${(error as Error).message}`, { cause: error });
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw new Error(`compacting json for seccomp profile (${file}) failed: ${(error as Error).message}`, { cause: error });
  }
}

/** Brings capabilities into Docker's form: upper case, `CAP_` before them, sorted, each once. What they come to is the engine's. */
export function normaliseCapabilities(names: readonly string[]): string[] | null {
  const upper = names.map((name) => name.trim().toUpperCase()).map((name) => (name === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`));
  return upper.length === 0 ? null : [...new Set(upper)].sort();
}

/** Modes that Docker's client refuses itself; the engine judges the rest. */
export function checkModes(modes: { pid: string; uts: string; userns: string; cgroupns: string }): void {
  if (!/^(|host|container:.+)$/.test(modes.pid)) throw new Error('--pid: invalid PID mode');
  if (!/^(|host)$/.test(modes.uts)) throw new Error('--uts: invalid UTS mode');
  if (!/^(|host)$/.test(modes.userns)) throw new Error('--userns: invalid USER mode');
  if (!/^(|private|host)$/.test(modes.cgroupns)) throw new Error('--cgroupns: invalid CGROUP mode');
}

