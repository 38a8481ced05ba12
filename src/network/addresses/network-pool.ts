/** Address pools of networks, as their configuration says. */
import type { IpamConfig } from '../network.ts';
import { AddressPool } from './address-pool.ts';
import { type IpPrefix, parseAddress, parsePrefix } from './ip.ts';

/** A pool without its gateway and auxiliary addresses. */
export function newPool({ subnet, ipRange }: IpamConfig): AddressPool {
  return new AddressPool(parsePrefix(subnet) as IpPrefix, parsePrefix(ipRange));
}

/** The pool of a network that there is. */
export function poolOf(config: IpamConfig): AddressPool {
  const pool = newPool(config);
  for (const text of [config.gateway, ...Object.values(config.auxAddresses)]) {
    const address = parseAddress(text);
    if (address !== undefined) pool.mark(address, '');
  }
  return pool;
}
