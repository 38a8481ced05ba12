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
    if (match === null && option !== 'no-new-privileges') throw new Error(`invalid --security-opt: ${JSON.stringify(option)}`);
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
    throw new Error(`opening seccomp profile (${file}) failed: ${(error as Error).message}`);
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw new Error(`compacting json for seccomp profile (${file}) failed: ${(error as Error).message}`);
  }
}

/** Brings capabilities into Docker's form: upper case, `CAP_` before them, sorted, ALL alone; what is added is not dropped. */
export function parseCapabilities(add: readonly string[], drop: readonly string[]): { add: string[] | null; drop: string[] | null } {
  const added = normalised(add);
  const dropped = normalised(drop).filter((name) => !added.includes(name));
  return { add: added.length === 0 ? null : added, drop: dropped.length === 0 ? null : dropped };
}

function normalised(names: readonly string[]): string[] {
  const upper = names.map((name) => name.trim().toUpperCase()).map((name) => (name === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`));
  return upper.includes('ALL') ? ['ALL'] : [...new Set(upper)].sort();
}

/** Modes that Docker's client refuses itself; the engine judges the rest. */
export function checkModes(modes: { pid: string; uts: string; userns: string; cgroupns: string }): void {
  if (!/^(|host|container:.+)$/.test(modes.pid)) throw new Error('--pid: invalid PID mode');
  if (!/^(|host)$/.test(modes.uts)) throw new Error('--uts: invalid UTS mode');
  if (!/^(|host)$/.test(modes.userns)) throw new Error('--userns: invalid USER mode');
  if (!/^(|private|host)$/.test(modes.cgroupns)) throw new Error('--cgroupns: invalid CGROUP mode');
}

