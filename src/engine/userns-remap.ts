/** `--userns-remap`: which host ids a container's root and users get, from /etc/subuid and /etc/subgid (subuid(5)). */
import { readFileSync } from 'node:fs';
import { invalidParameter } from '../errors.ts';
import type { OciIdMapping } from '../runtime/oci.ts';
import type { UserNamespaceRemap } from './settings.ts';

/** The user that `default` stands for; Docker's is `dockremap`. */
const defaultUser = 'caisson';

/** The host's account files, as text. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
  readonly subuid: string;
  readonly subgid: string;
}

export function readAccountFiles(): AccountFiles {
  return { passwd: read('/etc/passwd'), group: read('/etc/group'), subuid: read('/etc/subuid'), subgid: read('/etc/subgid') };
}

/** Throws invalid-parameter when the user or group is not known or has no range. */
export function resolveRemap(spec: string, files: AccountFiles): UserNamespaceRemap {
  const [userPart = '', groupPart] = (spec === 'default' ? defaultUser : spec).split(':');
  const user = account(files.passwd, userPart, spec === 'default');
  const group = groupPart === undefined ? { name: user.name, id: user.id } : account(files.group, groupPart, false);
  return {
    uidMappings: ranges(files.subuid, user, '/etc/subuid'),
    gidMappings: ranges(files.subgid, group, '/etc/subgid'),
  };
}

interface Account {
  readonly name: string;
  readonly id: string;
}

/** By name or number. With `lenient` a name that only the subordinate files know is right. */
function account(file: string, wanted: string, lenient: boolean): Account {
  for (const line of file.split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (name !== '' && (name === wanted || id === wanted)) return { name, id };
  }
  if (lenient || /^\d+$/.test(wanted)) return { name: wanted, id: wanted };
  throw invalidParameter(`userns-remap: there is no user or group "${wanted}" on this host; make it, or name one that exists`);
}

function ranges(file: string, { name, id }: Account, path: string): OciIdMapping[] {
  const mappings: OciIdMapping[] = [];
  let containerID = 0;
  for (const line of file.split('\n')) {
    const [owner, start, count] = line.split(':');
    const size = Number(count);
    if ((owner !== name && owner !== id) || !(size > 0) || !Number.isSafeInteger(Number(start))) continue;
    mappings.push({ containerID, hostID: Number(start), size });
    containerID += size;
  }
  if (mappings.length === 0) throw invalidParameter(`userns-remap: ${path} has no range for "${name}"; add a line such as ${name}:100000:65536`);
  return mappings;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
