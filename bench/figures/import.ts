import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { encodeHeader, endOfArchive, padding } from '../../src/storage/tar/writer.ts';
import { commandLine } from '../command-line.ts';
import type { Figure } from '../figure.ts';
import { makeScratch } from '../scratch.ts';

const files = 3000;
const size = 40_000;

/** 120 MB in 3000 files that do not compress to nothing. */
function writeArchive(file: string, count: number): void {
  const fd = openSync(file, 'wx');
  for (let number = 0; number < count; number++) {
    writeSync(fd, encodeHeader({ name: `d${number % 30}/f${number}`, type: 'file', mode: 0o644, size }));
    writeSync(fd, crypto.getRandomValues(Buffer.alloc(size)));
    writeSync(fd, padding(size));
  }
  writeSync(fd, endOfArchive);
  closeSync(fd);
}

/** A root file system as an image. That the layer is there already shows only when all of it has been unpacked again. */
export const importing: Figure = {
  name: 'import',
  rows: { import: { title: `docker import of a tar of ${files} files, 120 MB`, unit: 'ms', goal: 4 } },
  async measure({ engine, docker }, { commands, shrink }) {
    const scratch = makeScratch();
    const archive = path.join(scratch, 'root.tar');
    writeArchive(archive, Math.floor(files / shrink));
    const env = { DOCKER_HOST: engine.host };
    try {
      return { import: await commandLine([docker, 'import', archive, 'bench:import'], env, Math.max(2, Math.floor(commands / 5))) };
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};
