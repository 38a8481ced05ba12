/** Where one container's files live below the data root. */
import { join } from 'node:path';

export interface ContainerPaths {
  readonly directory: string;
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
  /** Of what was written there: whoever changes the file keeps it. */
  readonly resolvConfHash: string;
  readonly log: string;
  /** Written by the shim when the container's first process has ended. */
  readonly exitRecord: string;
}

export function containerPaths(dataRoot: string, id: string): ContainerPaths {
  const directory = join(dataRoot, 'containers', id);
  return {
    directory,
    hosts: join(directory, 'hosts'),
    hostname: join(directory, 'hostname'),
    resolvConf: join(directory, 'resolv.conf'),
    resolvConfHash: join(directory, 'resolv.conf.hash'),
    log: join(directory, `${id}-json.log`),
    exitRecord: join(directory, 'exit.json'),
  };
}
