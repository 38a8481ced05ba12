/**
 * Interfaces of the host that were made here for a network: bridges, and parents of macvlan networks. They carry an alias with the engine's
 * id, so that one which has lost its owner (the daemon was killed between making it and noting it) is told from somebody else's.
 */
import { NetlinkError, type NetlinkSocket } from '../linux/ffi/netlink.ts';
import { getLink, type Link, linkOf, listLinks, setLinkAlias } from '../linux/netlink/inventory.ts';
import { deleteLink } from '../linux/netlink/route.ts';

/** Bytes of an interface's name (IFNAMSIZ, without the NUL). */
const longestName = 15;

export class OwnedLinks {
  readonly #socket: NetlinkSocket;
  readonly #aliasPrefix: string;

  constructor(socket: NetlinkSocket, engineId: string) {
    this.#socket = socket;
    this.#aliasPrefix = `caisson ${engineId} `;
  }

  /** Whoever's it is; undefined for what cannot be a name, too. */
  find(name: string): Link | undefined {
    const answer = name === '' || Buffer.byteLength(name) > longestName ? undefined : this.#socket.get(getLink(name));
    return answer === undefined ? undefined : linkOf(answer);
  }

  /** Notes with an interface that it is there for a network. */
  claim({ index }: Link, networkId: string): void {
    this.#socket.request([setLinkAlias(index, `${this.#aliasPrefix}${networkId}`)]);
  }

  /** The network that it was made for; undefined for an interface of somebody else. */
  ownerOf({ alias }: Link): string | undefined {
    return alias.startsWith(this.#aliasPrefix) ? alias.slice(this.#aliasPrefix.length) : undefined;
  }

  /** Removes the interface if it was made here. One that is gone is right. */
  remove(name: string): void {
    const link = this.find(name);
    if (link !== undefined && this.ownerOf(link) !== undefined) this.delete(link);
  }

  /** Removes those that were made here for networks that are not known. */
  removeUnowned(isKnown: (networkId: string) => boolean): void {
    for (const message of this.#socket.dump(listLinks())) {
      const link = linkOf(message);
      const owner = link === undefined ? undefined : this.ownerOf(link);
      if (link !== undefined && owner !== undefined && !isKnown(owner)) this.delete(link);
    }
  }

  delete({ index }: Link): void {
    try {
      this.#socket.request([deleteLink(index)]);
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof NetlinkError && error.code === 'ENODEV')) throw error;
    }
  }
}
