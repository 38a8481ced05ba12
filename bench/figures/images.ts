import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { encodeHeader, endOfArchive, padding } from '../../src/storage/tar/writer.ts';
import { RealRegistry } from '../../test/support/registry.ts';
import { commandLine } from '../command-line.ts';
import type { Contestant, Figure, Samples } from '../figure.ts';
import { makeScratch } from '../scratch.ts';
import { timed } from '../statistics.ts';

const run = promisify(execFile);
const image = 'localhost:5000/bench:image';
const layers = 6;
/** Of each layer: 83 MB in 1300 files of 64 kB. */
const filesOfLayer = 1300;
const fileSize = 64_000;

/** What compresses about as programs do: a quarter of it is random, the rest repeats. */
function content(): Buffer {
  const bytes = Buffer.alloc(fileSize);
  for (let at = 0; at < fileSize; at += 2000) {
    const part = crypto.getRandomValues(Buffer.alloc(500));
    for (let copy = 0; copy < 4; copy++) part.copy(bytes, at + copy * 500);
  }
  return bytes;
}

/** A layer's tar in a file; returns its digest. */
function writeLayer(file: string, number: number, count: number): string {
  const fd = openSync(file, 'wx');
  const hash = createHash('sha256');
  const put = (bytes: Uint8Array) => {
    hash.update(bytes);
    writeSync(fd, bytes);
  };
  for (let index = 0; index < count; index++) {
    put(encodeHeader({ name: `layer${number}/d${index % 40}/f${index}`, type: 'file', mode: 0o644, size: fileSize }));
    put(content());
    put(padding(fileSize));
  }
  put(endOfArchive);
  closeSync(fd);
  return hash.digest('hex');
}

/** A docker-archive of the image; returns the names of its layers' tars. */
function writeImage(scratch: string, count: number): string[] {
  const digests = Array.from({ length: layers }, (_, number) => writeLayer(path.join(scratch, `${number}.tar`), number, count));
  const rootfs = { type: 'layers', diff_ids: digests.map((digest) => `sha256:${digest}`) };
  const config = { architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', os: 'linux', config: { Cmd: ['/true'] }, rootfs };
  writeFileSync(path.join(scratch, 'config.json'), JSON.stringify(config));
  const files = digests.map((_, number) => `${number}.tar`);
  writeFileSync(path.join(scratch, 'manifest.json'), JSON.stringify([{ Config: 'config.json', RepoTags: [image], Layers: files }]));
  execFileSync('tar', ['-cf', path.join(scratch, 'image.tar'), '-C', scratch, 'manifest.json', 'config.json', ...files]);
  return files.map((file) => path.join(scratch, file));
}

/** The most memory that a process has had since it was asked to count anew, in bytes. */
const peakMemory = (pid: number): number => Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
const countPeakAnew = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');

/** An image of 500 MB on its ways in and out. Rows about gzip and tar are what the work itself takes. */
export const images: Figure = {
  name: 'images',
  rows: {
    load: { title: 'docker load of an image of 6 layers, 500 MB', unit: 'ms', goal: 4 },
    save: { title: 'docker save of it', unit: 'ms', goal: 4 },
    push: { title: 'docker push of it to a registry that has none of it', unit: 'ms' },
    gzip: { title: '- gzip of its layers, one after the other', unit: 'ms' },
    pushAgain: { title: 'docker push when the registry has all of it', unit: 'ms', goal: 10 },
    pull: { title: 'docker pull of it', unit: 'ms', goal: 2 },
    gunzip: { title: '- gzip -d and tar x of its layers, one after the other', unit: 'ms' },
    commit: { title: 'docker commit of one changed file on it', unit: 'ms', goal: 5 },
    peak: { title: 'the most memory that the daemon had meanwhile', unit: 'bytes' },
  },
  async measure(on, { commands, shrink }) {
    if (!existsSync('/usr/bin/docker-registry')) {
      console.log('Skipped: images, as there is no registry (apt-get install docker-registry).');
      return {};
    }
    const scratch = makeScratch();
    const tars = writeImage(scratch, Math.floor(filesOfLayer / shrink));
    const registry = await RealRegistry.start({ engine: on.engine, companions: [], environment: {} });
    const rounds = Math.max(1, Math.floor(commands / 5));
    try {
      countPeakAnew(on.engine.pid);
      const own = await transfers(on, scratch, registry, rounds);
      return { ...own, peak: [peakMemory(on.engine.pid)], ...(await programs(tars, rounds)) };
    } finally {
      await registry.end();
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

/** In an order in which each finds what it needs, and makes it new. */
async function transfers({ engine, docker }: Contestant, scratch: string, registry: RealRegistry, rounds: number): Promise<Samples> {
  const environment = { ...process.env, DOCKER_HOST: engine.host, DOCKER_CONFIG: scratch };
  const call = async (...words: readonly string[]): Promise<string> => (await run(docker, words, { env: environment })).stdout.trim();
  /** Each time after `before`, which does not count. */
  const each = (words: readonly string[], before: () => Promise<unknown> = async () => undefined) => timed(rounds, async () => {
    await before();
    const began = performance.now();
    await call(...words);
    return performance.now() - began;
  });
  const forget = () => call('rmi', '-f', image);
  const load = await each(['load', '-q', '-i', path.join(scratch, 'image.tar')], () => forget().catch(() => undefined));
  const save = await each(['save', '-o', path.join(scratch, 'saved.tar'), image]);
  rmSync(path.join(scratch, 'saved.tar'));
  const push = await each(['push', '-q', image], () => registry.empty());
  const pushAgain = await each(['push', '-q', image]);
  const pull = await each(['pull', '-q', image], forget);
  const container = await call('create', image, '/true');
  await call('cp', path.join(scratch, 'config.json'), `${container}:/layer0/d0/f0`);
  const commit = await each(['commit', container]);
  await call('rm', container);
  await call('image', 'prune', '-f');
  await forget();
  return { load, save, push, pushAgain, pull, commit };
}

/** What the host's programs take for the same bytes. */
async function programs(tars: readonly string[], rounds: number): Promise<Samples> {
  const script = (text: string) => ['sh', '-ec', text, 'sh', ...tars];
  const target = mkdtempSync(path.join(tmpdir(), 'caisson-bench-'));
  try {
    const gzip = await commandLine(script('for tar; do gzip -c "$tar" >"$tar.gz"; done'), {}, rounds);
    const unpack = 'rm -rf "$target"/*; for tar; do gzip -dc "$tar.gz" >"$tar"; tar xf "$tar" -C "$target"; done';
    const gunzip = await commandLine(script(unpack), { target }, rounds);
    return { gzip, gunzip };
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}
