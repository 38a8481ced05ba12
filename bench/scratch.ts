/** A directory for what the client has: in memory where that can be, so that only the engine's files are on the disk that is measured. */
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const makeScratch = (): string => mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'caisson-bench-'));
