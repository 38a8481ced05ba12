import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { commandLine } from '../command-line.ts';
import { remove, sleep, start } from '../containers.ts';
import type { Figure } from '../figure.ts';

const files = 2000;

/** Small files of 0 to 4 kB in 20 directories. */
function makeTree(directory: string): void {
  for (let number = 0; number < files; number++) {
    const parent = path.join(directory, `d${number % 20}`);
    mkdirSync(parent, { recursive: true });
    writeFileSync(path.join(parent, `f${number}`), Buffer.alloc((number * 37) % 4096, number));
  }
}

/** Many small files into a running container, and out of it, with the docker command. */
export const copy: Figure = {
  name: 'copy',
  rows: {
    in: { title: `docker cp of ${files} small files into a container`, unit: 'ms', goal: 20 },
    out: { title: 'the same out of it', unit: 'ms', goal: 4 },
  },
  async measure({ engine, docker }, { commands }) {
    const scratch = mkdtempSync(path.join(tmpdir(), 'caisson-bench-'));
    const client = engine.client();
    const id = await start(client, sleep);
    const env = { DOCKER_HOST: engine.host };
    const rounds = Math.max(3, Math.floor(commands / 4));
    const tree = path.join(scratch, 'tree');
    makeTree(tree);
    try {
      return {
        in: await commandLine((round) => [docker, 'cp', tree, `${id}:/in-${round}`], env, rounds),
        out: await commandLine((round) => [docker, 'cp', `${id}:/in-0`, path.join(scratch, `out-${round}`)], env, rounds),
      };
    } finally {
      await remove(client, id);
      client.close();
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};
