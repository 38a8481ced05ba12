/**
 * Bridge interfaces. Those that were made here carry an alias with the engine's id, so that one which has lost its owner (the
 * daemon was killed between making it and noting it) is told from a bridge of somebody else.
 */
import { invalidParameter, systemError } from '../errors.ts';
import { NetlinkError, type NetlinkSocket } from '../linux/ffi/netlink.ts';
import { getLink, hostAddressOf, type Link, linkOf, listAddresses, listLinks, setLinkAlias } from '../linux/netlink/inventory.ts';
import { addAddress, deleteLink, newLink, type Prefix, setLink } from '../linux/netlink/route.ts';

/** What a bridge is to be. */
export interface BridgeSpec {
  readonly name: string;
  readonly networkId: string;
  /** Bytes; 0 is the kernel's choice. */
  readonly mtu: number;
  /** Its own, as the containers' gateway. */
  readonly addresses: readonly Prefix[];
}

export class Bridges {
  readonly #socket: NetlinkSocket;
  readonly #aliasPrefix: string;

  constructor(socket: NetlinkSocket, engineId: string) {
    this.#socket = socket;
    this.#aliasPrefix = `caisson ${engineId} `;
  }

  /** Makes the bridge, or puts right what is not as it should be; one that was there already stays its owner's. */
  ensure(spec: BridgeSpec): void {
    const existing = this.#find(spec.name);
    if (existing !== undefined && existing.kind !== 'bridge') throw invalidParameter(`existing interface ${spec.name} is not a bridge`);
    const link = existing ?? this.#make(spec);
    try {
      this.#configure(link, spec);
    } catch (error) {
      if (existing === undefined) this.#socket.request([deleteLink(link.index)]);
      throw explained(spec.name, error);
    }
  }

  /** True when an interface of the name is there and up. */
  isUp(name: string): boolean {
    return this.#find(name)?.up === true;
  }

  /** The addresses of an interface, if there is one. */
  addressesOf(name: string): Prefix[] {
    const link = this.#find(name);
    if (link === undefined) return [];
    return this.#socket.dump(listAddresses()).flatMap((message) => {
      const found = hostAddressOf(message);
      return found?.index === link.index ? [{ address: found.address, length: found.prefixLength }] : [];
    });
  }

  /** Removes the bridge if it was made here. One that is gone is right. */
  remove(name: string): void {
    const link = this.#find(name);
    if (link !== undefined && this.#isOurs(link)) this.#delete(link);
  }

  /** Removes those that were made here for networks that are not known. */
  removeUnowned(isKnown: (networkId: string) => boolean): void {
    for (const message of this.#socket.dump(listLinks())) {
      const link = linkOf(message);
      if (link !== undefined && this.#isOurs(link) && !isKnown(link.alias.slice(this.#aliasPrefix.length))) this.#delete(link);
    }
  }

  #isOurs({ alias }: Link): boolean {
    return alias.startsWith(this.#aliasPrefix);
  }

  #delete({ index }: Link): void {
    try {
      this.#socket.request([deleteLink(index)]);
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof NetlinkError && error.code === 'ENODEV')) throw error;
    }
  }

  #find(name: string): Link | undefined {
    const answer = this.#socket.get(getLink(name));
    return answer === undefined ? undefined : linkOf(answer);
  }

  #make({ name, networkId, mtu }: BridgeSpec): Link {
    try {
      this.#socket.request([newLink('bridge', { name, ...(mtu === 0 ? {} : { mtu }) })]);
      const link = this.#find(name) as Link;
      this.#socket.request([setLinkAlias(link.index, `${this.#aliasPrefix}${networkId}`)]);
      return link;
    } catch (error) {
      throw explained(name, error);
    }
  }

  #configure(link: Link, { mtu, addresses }: BridgeSpec): void {
    this.#socket.request(addresses.map((address) => addAddress(link.index, address)));
    this.#socket.request([setLink(link.index, { up: true, ...(mtu === 0 || mtu === link.mtu ? {} : { mtu }) })]);
  }
}

const explained = (name: string, error: unknown): unknown =>
  error instanceof NetlinkError ? systemError(`cannot set up the bridge ${name}: ${error.message}`, { cause: error }) : error;
