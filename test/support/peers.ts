/** The real Docker Engines that may stand on this machine: judges of the tests, peers of the bench. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

export interface Peer {
  /** `20.10.24`, as it reports itself. */
  readonly version: string;
  readonly dockerd: string;
  /** PATH it finds containerd and runc on. */
  readonly searchPath: string;
}

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function peerAt(dockerd: string, searchPath: string): Peer | undefined {
  if (!existsSync(dockerd)) return undefined;
  const report = execFileSync(dockerd, ['--version'], { encoding: 'utf8' });
  return { version: /version ([\d.]+)/.exec(report)?.[1] ?? 'unknown', dockerd, searchPath };
}

/** The distribution's docker.io package. */
export const installedPeer = (): Peer | undefined => peerAt('/usr/sbin/dockerd', systemPath);

/** A newer engine unpacked (not installed) below `directory`; by default `DOCKER_PEER_DIR` says where. */
export function unpackedPeer(directory = process.env.DOCKER_PEER_DIR): Peer | undefined {
  if (directory === undefined || directory === '') return undefined;
  const own = ['usr/sbin', 'usr/bin'].map((folder) => path.join(directory, folder)).join(':');
  return peerAt(path.join(directory, 'usr/sbin/dockerd'), `${own}:${systemPath}`);
}
