/** Builds and runs floor.c: milliseconds per round. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Needs root and a C compiler. */
export function measureFloor(rounds: number): number[] {
  const directory = mkdtempSync(path.join(tmpdir(), 'caisson-floor-'));
  try {
    const compile = (source: string, program: string) =>
      execFileSync('cc', ['-O2', '-Wall', '-static', '-o', path.join(directory, program), source], { stdio: 'inherit' });
    mkdirSync(path.join(directory, 'lower'));
    writeFileSync(path.join(directory, 'true.c'), 'int main(void) { return 0; }\n');
    compile(path.join(directory, 'true.c'), 'lower/true');
    compile(path.join(import.meta.dirname, 'floor.c'), 'floor');
    const lines = execFileSync(path.join(directory, 'floor'), [String(rounds), directory], { encoding: 'utf8' });
    return lines.trim().split('\n').map((line) => Number(line) / 1000);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
