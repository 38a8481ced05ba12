/** What a container finds by name: the others on its networks, under their names, `NAME.NETWORK`, and its own links. */
import type { Zone } from '../../network/dns/resolver.ts';
import type { Container } from '../container.ts';
import type { NameIndex, NetworkNames } from './name-index.ts';
import { settingsOf } from './names.ts';

export function zoneOf(container: Container, index: NameIndex): Zone {
  const networks = () => container.record.endpoints.flatMap(({ networkId }) => index.of(networkId) ?? []);
  return {
    lookUp(name) {
      const all = networks();
      return first(all, (names) => onNetwork(container, names, name))
        ?? first(splits(name), ([own, network]) => first(all, (names) => (names.network.name.toLowerCase() === network ? onNetwork(container, names, own) : undefined)));
    },
    reverse: (name) => first(networks(), ({ owners }) => owners.get(name)),
  };
}

/** A link's alias is the linked container's, and stands before a name that another has there. */
function onNetwork({ record }: Container, { network, addresses }: NetworkNames, name: string): readonly string[] | undefined {
  const links = settingsOf(record.networks, network)?.Links ?? [];
  const linked = links.map((link) => link.split(':')).find(([target = '', alias = target]) => alias.toLowerCase() === name)?.[0];
  return addresses.get(linked?.toLowerCase() ?? name);
}

/** `a.b.c` may be `a.b` on network `c`, or `a` on network `b.c`: both may have dots. */
function splits(name: string): [own: string, network: string][] {
  const parts = name.split('.');
  return parts.slice(1).map((_, index) => [parts.slice(0, -1 - index).join('.'), parts.slice(-1 - index).join('.')]);
}

function first<T, R>(values: readonly T[], look: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const found = look(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
