import { execFile } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { buildArchive } from '../../test/support/build.ts';
import { tar, type TarEntry } from '../../test/support/tar.ts';
import { writeDebianRoot } from '../debian-root.ts';
import type { Contestant, Figure } from '../figure.ts';
import { makeScratch } from '../scratch.ts';
import { timed } from '../statistics.ts';

const run = promisify(execFile);

const steps = 20;
const files = 10_000;
const size = 20_000;

const dockerfile = (data: string): TarEntry => ({ type: 'file', name: 'Dockerfile', data });
const trivial = tar([dockerfile(`FROM busybox\n${Array.from({ length: steps }, (_, number) => `RUN echo ${number}\n`).join('')}`)]);

/** The last COPY is of the one file that is another each time; what is before it is known. */
const copying = 'FROM busybox\nCOPY tree /tree\nRUN true\nCOPY changing /\n';

const compiling = tar([
  dockerfile('FROM bench-debian AS build\nCOPY . /src\nRUN gcc -O2 -static -o /count /src/*.c\nFROM scratch\nCOPY --from=build /count /\nCMD ["/count"]\n'),
  { type: 'file', name: 'main.c', data: '#include <stdio.h>\nlong count(int);\nint main(void) { printf("%ld\\n", count(10)); return 0; }\n' },
  { type: 'file', name: 'count.c', data: 'long count(int n) { long sum = 0; for (int i = 0; i < n; i++) sum += i; return sum; }\n' },
]);

async function build(socket: string, archive: Uint8Array, parameters: Readonly<Record<string, string>> = {}): Promise<void> {
  const { status, message, error } = await buildArchive(socket, archive, parameters);
  if (status !== 200 || error) throw new Error(`POST /build: ${status} ${message}${error?.message ?? ''}`);
}

/** 200 MB that do not compress to nothing, in 100 directories; the text of the changing file has the same length each time. */
function largeContext(count: number): { archive: Buffer; change: () => void } {
  const content = crypto.getRandomValues(Buffer.alloc(size));
  const text = crypto.randomUUID();
  const archive = tar([
    dockerfile(copying),
    { type: 'file', name: 'changing', data: text },
    ...Array.from({ length: count }, (_, number): TarEntry => {
      content.writeUInt32LE(number, 0);
      return { type: 'file', name: `tree/d${number % 100}/f${number}`, data: Buffer.from(content) };
    }),
  ]);
  const at = archive.indexOf(text);
  return { archive, change: () => void archive.write(crypto.randomUUID(), at) };
}

/** Sent by curl from memory: what is measured is the engine, not the sender. */
async function sendContext({ engine }: Contestant, scratch: string, count: number, rounds: number): Promise<number[]> {
  const { archive, change } = largeContext(count);
  const file = path.join(scratch, 'context.tar');
  const curl = ['--silent', '--show-error', '--fail', '--output', '/dev/null', '--unix-socket', engine.socket, '--header', 'Content-Type: application/x-tar'];
  return timed(rounds, async () => {
    change();
    writeFileSync(file, archive);
    const began = performance.now();
    await run('curl', [...curl, '--request', 'POST', '--upload-file', file, 'http://localhost/build']);
    return performance.now() - began;
  });
}

async function compile({ engine, docker }: Contestant, scratch: string, rounds: number): Promise<number[] | undefined> {
  const root = path.join(scratch, 'root.tar');
  if (!existsSync(root) && !writeDebianRoot(root)) return undefined;
  await run(docker, ['import', root, 'bench-debian'], { env: { ...process.env, DOCKER_HOST: engine.host } });
  return timed(rounds, () => build(engine.socket, compiling, { nocache: '1' }));
}

/** `POST /build`, which is what all engines have. */
export const building: Figure = {
  name: 'build',
  rows: {
    runs: { title: `build of ${steps} RUN steps that do nothing, no cache`, unit: 'ms', goal: 10 },
    cached: { title: 'the same, all cached', unit: 'ms', goal: 1 },
    context: { title: `build with ${files} files, 200 MB, one changed, all but the last COPY cached`, unit: 'ms', goal: 3 },
    compile: { title: 'build of a C program in a Debian root, copied to scratch, no cache', unit: 'ms', goal: 1.5 },
  },
  async measure(on, { commands, shrink }) {
    const { socket } = on.engine;
    const rounds = Math.max(1, Math.floor(commands / 5));
    const scratch = makeScratch();
    try {
      const runs = await timed(rounds, () => build(socket, trivial, { nocache: '1' }));
      const cached = await timed(commands, () => build(socket, trivial));
      const context = await sendContext(on, scratch, files / shrink, rounds);
      const compiled = await compile(on, scratch, rounds);
      return { runs, cached, context, ...(compiled ? { compile: compiled } : {}) };
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};
