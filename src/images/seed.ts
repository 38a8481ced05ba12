/** The first image, from files that are here already: an empty store can run a container without any network. */
import { existsSync, readFileSync } from 'node:fs';
import { systemError, unavailable } from '../errors.ts';
import { sha256 } from '../storage/digest.ts';
import { encodeHeader, endOfArchive, padding } from '../storage/tar/writer.ts';
import { appletsOf, busyboxRoot } from './busybox-root.ts';
import { hostArchitecture } from './config.ts';
import type { ImageService } from './service.ts';

/** busybox.net's digest of busybox 1.35.0 for x86_64 (downloads/binaries/1.35.0-x86_64-linux-musl/busybox). */
const pinned = 'sha256:6e123e7f3202a8c1e9b1f94d8941580a25135382b99e8d3e34fb858bba311348';
/** The release of busybox 1.35.0: fixed, so that the image's id is the same everywhere. */
const created = '2021-12-26T16:53:00Z';
const hostPaths = ['/bin/busybox', '/usr/bin/busybox', '/sbin/busybox'];

/**
 * Makes `busybox:latest` from a static busybox for x86_64, after checking that it is the pinned one; on another
 * architecture, from the host's own static busybox. Throws unavailable, with what to do instead, when there is none.
 */
export async function seedBusybox(service: ImageService, busybox: Uint8Array): Promise<void> {
  const binary = process.arch === 'x64' ? checked(busybox) : hostBusybox();
  const archive = dockerArchive(
    busyboxRoot(binary, appletsOf(binary), Date.parse(created) / 1000),
    process.arch === 'x64' ? 'BusyBox 1.35.0' : 'BusyBox',
  );
  const stream = async function* () {
    yield archive;
  };
  const records = service.load(stream(), { quiet: true })[Symbol.asyncIterator]();
  while (!(await records.next()).done);
}

function checked(busybox: Uint8Array): Uint8Array {
  const digest = sha256(busybox);
  if (digest !== pinned) {
    throw systemError(
      `the busybox binary that came with this program has the digest ${digest}, not ${pinned}: reinstall it, or load an image with "docker load"`,
    );
  }
  return busybox;
}

function hostBusybox(): Uint8Array {
  for (const path of hostPaths) {
    if (!existsSync(path)) continue;
    const binary = readFileSync(path);
    if (isStatic(binary) && appletsOf(binary).includes('sh')) return binary;
  }
  throw unavailable(
    `there is no static busybox for ${hostArchitecture()} on this machine to make a first image from: load an image with "docker load -i FILE"`,
  );
}

/** True for a 64-bit little-endian ELF file without an interpreter (elf(5): no PT_INTERP program header). */
function isStatic(binary: Buffer): boolean {
  if (binary.length < 64 || binary.readUInt32BE(0) !== 0x7f454c46 || binary[4] !== 2 || binary[5] !== 1) return false;
  const table = Number(binary.readBigUInt64LE(32));
  const size = binary.readUInt16LE(54);
  for (let index = 0; index < binary.readUInt16LE(56); index++) {
    const at = table + index * size;
    if (at + 4 > binary.length || binary.readUInt32LE(at) === 3) return false;
  }
  return true;
}

function dockerArchive(layer: Buffer, from: string): Buffer {
  const config = Buffer.from(
    JSON.stringify({
      config: { Cmd: ['sh'], Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
      created,
      history: [{ created, created_by: from }],
      rootfs: { type: 'layers', diff_ids: [sha256(layer)] },
      architecture: hostArchitecture(),
      os: 'linux',
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify([{ Config: 'config.json', RepoTags: ['busybox:latest'], Layers: ['layer.tar'] }]),
  );
  const files: [string, Buffer][] = [
    ['config.json', config],
    ['layer.tar', layer],
    ['manifest.json', manifest],
  ];
  const parts = files.flatMap(([name, content]) => [
    encodeHeader({ name, type: 'file', size: content.length }),
    content,
    padding(content.length),
  ]);
  return Buffer.concat([...parts, endOfArchive]);
}
