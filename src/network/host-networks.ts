/** Which addresses the host itself reaches, so that no container network takes them away from it. */
import type { NetlinkSocket } from '../linux/ffi/netlink.ts';
import { hostAddressOf, hostRouteOf, linkOf, listAddresses, listLinks, listRoutes } from '../linux/netlink/inventory.ts';
import { addressFromBytes, type IpPrefix } from './addresses/ip.ts';

export interface HostNetwork {
  readonly prefix: IpPrefix;
  /** The interface it is reached through; empty where there are several. */
  readonly interfaceName: string;
  /** An interface has an address in it, or a route says that it is there without a gateway. */
  readonly onLink: boolean;
}

/** Networks that routes and interfaces name, but for those of the interfaces in `except`. */
export function hostNetworks(socket: NetlinkSocket, except: ReadonlySet<string> = new Set()): HostNetwork[] {
  const names = new Map(socket.dump(listLinks()).flatMap((message) => {
    const link = linkOf(message);
    return link === undefined ? [] : [[link.index, link.name] as const];
  }));
  const addresses = socket.dump(listAddresses()).flatMap((message) => {
    const found = hostAddressOf(message);
    return found === undefined ? [] : [network(names, found.address, found.prefixLength, found.index, true)];
  });
  const routes = socket.dump(listRoutes()).flatMap((message) => {
    const found = hostRouteOf(message);
    return found === undefined ? [] : [network(names, found.destination, found.prefixLength, found.index, found.onLink)];
  });
  return [...addresses, ...routes].filter(({ interfaceName }) => !except.has(interfaceName));
}

function network(names: ReadonlyMap<number, string>, address: Uint8Array, length: number, index: number, onLink: boolean): HostNetwork {
  return { prefix: { address: addressFromBytes(address), length }, interfaceName: names.get(index) ?? '', onLink };
}
