/** Bridge interfaces of networks. */
import { invalidParameter, systemError } from '../errors.ts';
import { NetlinkError, type NetlinkSocket } from '../linux/ffi/netlink.ts';
import { hostAddressOf, type Link, listAddresses } from '../linux/netlink/inventory.ts';
import { addAddress, newLink, type Prefix, setLink } from '../linux/netlink/route.ts';
import type { OwnedLinks } from './owned-links.ts';

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
  readonly #links: OwnedLinks;

  constructor(socket: NetlinkSocket, links: OwnedLinks) {
    this.#socket = socket;
    this.#links = links;
  }

  /** Makes the bridge, or puts right what is not as it should be; one that was there already stays its owner's. */
  ensure(spec: BridgeSpec): void {
    const existing = this.#links.find(spec.name);
    if (existing !== undefined && existing.kind !== 'bridge') throw invalidParameter(`existing interface ${spec.name} is not a bridge`);
    const link = existing ?? this.#make(spec);
    try {
      this.#configure(link, spec);
    } catch (error) {
      if (existing === undefined) this.#links.delete(link);
      throw explained(spec.name, error);
    }
  }

  /** True when an interface of the name is there and up. */
  isUp(name: string): boolean {
    return this.#links.find(name)?.up === true;
  }

  /** The addresses of an interface, if there is one. */
  addressesOf(name: string): Prefix[] {
    const link = this.#links.find(name);
    if (link === undefined) return [];
    return this.#socket.dump(listAddresses()).flatMap((message) => {
      const found = hostAddressOf(message);
      return found?.index === link.index ? [{ address: found.address, length: found.prefixLength }] : [];
    });
  }

  #make({ name, networkId, mtu }: BridgeSpec): Link {
    try {
      this.#socket.request([newLink('bridge', { name, ...(mtu === 0 ? {} : { mtu }) })]);
      const link = this.#links.find(name) as Link;
      this.#links.claim(link, networkId);
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
