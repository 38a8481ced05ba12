/** `--chown=user[:group]`: names are looked up in the tree that is copied into. */
import { invalidParameter, systemError } from '../../errors.ts';
import { lookUp, readPlace } from '../../storage/lookup.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export const rootOwner: Owner = { uid: 0, gid: 0 };

/** Without a group the user's name, or number, is the group's, too. Throws in Docker's words. */
export function ownerNamed(chown: string, layers: readonly string[]): Owner {
  const [user = '', group = user, ...rest] = chown.split(':');
  if (rest.length > 0 || user === '' || group === '') throw invalidParameter(`unable to convert uid/gid chown string to host mapping: invalid chown string format: ${chown}`, { object: chown });
  return { uid: idOf('user', 'uid', user, layers, '/etc/passwd'), gid: idOf('group', 'gid', group, layers, '/etc/group') };
}

function idOf(what: 'user' | 'group', id: 'uid' | 'gid', name: string, layers: readonly string[], file: string): number {
  const named = entries(layers, file).find(([entry]) => entry === name)?.[2];
  const text = named ?? name;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw systemError(`unable to convert uid/gid chown string to host mapping: can't find ${id} for ${what} ${name}: no such ${what}: ${name}`, { object: name });
}

function entries(layers: readonly string[], file: string): string[][] {
  const found = layers.length === 0 ? undefined : lookUp(layers, file);
  if (!found?.stat.isFile()) return [];
  return Buffer.from(readPlace(found.place, file)).toString('utf8').split('\n').map((line) => line.trim().split(':'));
}
