/** The docker commands on this machine. */
import { accessSync, constants, realpathSync } from 'node:fs';
import path from 'node:path';

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Every `docker` on PATH, each once, the one a shell would take first. */
export function dockerCommands(): string[] {
  const found = (process.env.PATH ?? '').split(':').map((folder) => path.join(folder, 'docker')).filter(isExecutable);
  return [...new Set(found.map((file) => realpathSync(file)))];
}

/** The docker command that a shell would take; `DOCKER_CLI` names another. */
export const dockerCommand = (): string | undefined => process.env.DOCKER_CLI ?? dockerCommands()[0];
