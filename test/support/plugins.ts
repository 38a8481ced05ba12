/** Docker's CLI plugins on this machine: buildx and Compose, installed or unpacked beside a newer engine (`DOCKER_PEER_DIR`). */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';

export type Plugin = 'docker-buildx' | 'docker-compose';

const folders = [
  ...(process.env.DOCKER_PEER_DIR ? [path.join(process.env.DOCKER_PEER_DIR, 'usr/libexec/docker/cli-plugins')] : []),
  '/usr/local/libexec/docker/cli-plugins', '/usr/local/lib/docker/cli-plugins', '/usr/libexec/docker/cli-plugins', '/usr/lib/docker/cli-plugins',
];

export const pluginPath = (name: Plugin): string | undefined => folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));

/** Makes all that are there known to a docker command with this DOCKER_CONFIG. */
export function installPlugins(configuration: string): void {
  const folder = path.join(configuration, 'cli-plugins');
  mkdirSync(folder, { recursive: true });
  for (const name of ['docker-buildx', 'docker-compose'] as const) {
    const file = pluginPath(name);
    if (file !== undefined) symlinkSync(file, path.join(folder, name));
  }
}
