import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { encodeHeader, endOfArchive, padding } from '../../src/storage/tar/writer.ts';
import { commandLine } from '../command-line.ts';
import { remove, sleep, start } from '../containers.ts';
import type { Figure } from '../figure.ts';
import { makeScratch } from '../scratch.ts';
import { timed } from '../statistics.ts';

const files = 2000;
const directories = 20;

/** Small files of 0 to 4 kB. */
const content = (number: number): Buffer => Buffer.alloc((number * 37) % 4096, number);
const nameOf = (number: number): string => `d${number % directories}/f${number}`;

function makeTree(tree: string): void {
  for (let number = 0; number < directories; number++) mkdirSync(path.join(tree, `d${number}`), { recursive: true });
  for (let number = 0; number < files; number++) writeFileSync(path.join(tree, nameOf(number)), content(number));
}

/** The same tree as the docker command sends it. */
function archive(top: string): Buffer {
  const parts: Uint8Array[] = [encodeHeader({ name: `${top}/`, type: 'directory', mode: 0o755, size: 0 })];
  for (let number = 0; number < directories; number++) parts.push(encodeHeader({ name: `${top}/d${number}/`, type: 'directory', mode: 0o755, size: 0 }));
  for (let number = 0; number < files; number++) {
    const data = content(number);
    parts.push(encodeHeader({ name: `${top}/${nameOf(number)}`, type: 'file', mode: 0o644, size: data.length }), data, padding(data.length));
  }
  return Buffer.concat([...parts, endOfArchive]);
}

/** Many small files into a running container, and out of it: with the docker command, and what of that is the engine's. */
export const copy: Figure = {
  name: 'copy',
  rows: {
    in: { title: `docker cp of ${files} small files into a container`, unit: 'ms', goal: 20 },
    put: { title: '- the same through the API', unit: 'ms' },
    out: { title: 'docker cp of them out of it', unit: 'ms', goal: 4 },
    get: { title: '- the same through the API', unit: 'ms' },
  },
  async measure({ engine, docker }, { commands }) {
    const scratch = makeScratch();
    const client = engine.client();
    const id = await start(client, sleep);
    const env = { DOCKER_HOST: engine.host };
    const rounds = Math.max(3, Math.floor(commands / 4));
    const tree = path.join(scratch, 'tree');
    makeTree(tree);
    let sent = 0;
    const put = async () => {
      const body = archive(`put-${sent++}`);
      const began = performance.now();
      const { status } = await client.request('PUT', `/containers/${id}/archive?path=/`, body);
      if (status !== 200) throw new Error(`PUT archive: ${status}`);
      return performance.now() - began;
    };
    try {
      return {
        in: await commandLine((round) => [docker, 'cp', tree, `${id}:/in-${round}`], env, rounds),
        put: await timed(rounds, put),
        out: await commandLine((round) => [docker, 'cp', `${id}:/in-0`, path.join(scratch, `out-${round}`)], env, rounds),
        get: await timed(rounds, async () => void (await client.request('GET', `/containers/${id}/archive?path=/in-0`))),
      };
    } finally {
      await remove(client, id);
      client.close();
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};
