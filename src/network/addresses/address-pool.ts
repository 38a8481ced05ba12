/**
 * Which addresses of a subnet are taken. The lowest free one is given out, as Docker does: a container that is started again mostly has
 * the address that it had. The hardware address follows from it (mac.ts), so that a neighbour's memory is never wrong.
 */
import { forbidden, invalidParameter } from '../../errors.ts';
import { contains, firstOf, type IpAddress, type IpPrefix, lastOf, width } from './ip.ts';

/** Owner of the addresses that the network itself has. */
const nobody = '';

export class AddressPool {
  readonly subnet: IpPrefix;
  readonly #range: IpPrefix;
  /** By whom. */
  readonly #taken = new Map<bigint, string>();
  /** All of the range below it are taken. */
  #lowest: bigint;

  /** `range` is the part of the subnet that addresses are chosen from; others can be asked for. */
  constructor(subnet: IpPrefix, range: IpPrefix = subnet) {
    this.subnet = subnet;
    this.#range = range;
    this.#lowest = firstOf(range);
    const hostBits = width(subnet.address.family) - subnet.length;
    const isV4 = subnet.address.family === 4;
    // The network's own address, and for IPv4 its broadcast address; a point-to-point link has neither (RFC 3021).
    if (!isV4 || hostBits > 1) this.#taken.set(firstOf(subnet), nobody);
    if (isV4 && hostBits > 1) this.#taken.set(lastOf(subnet), nobody);
  }

  /** The lowest free address of the range; undefined when there is none. */
  take(owner: string): IpAddress | undefined {
    const last = lastOf(this.#range);
    while (this.#lowest <= last && this.#taken.has(this.#lowest)) this.#lowest++;
    if (this.#lowest > last) return undefined;
    const value = this.#lowest++;
    this.#taken.set(value, owner);
    return { family: this.subnet.address.family, value };
  }

  /** This one. Throws, in Docker's words, when it is taken or not of the subnet. */
  takeThis(address: IpAddress, owner: string): void {
    if (!contains(this.subnet, address)) throw invalidParameter('Requested address is out of range');
    if (this.#taken.has(address.value)) throw forbidden('Address already in use');
    this.#taken.set(address.value, owner);
  }

  /** One that is in use already, as its owner says. */
  mark({ value }: IpAddress, owner: string): void {
    this.#taken.set(value, owner);
  }

  /** Gives an address back; one that somebody else has by now stays. */
  release({ value }: IpAddress, owner: string): void {
    if (this.#taken.get(value) !== owner) return;
    this.#taken.delete(value);
    if (value >= firstOf(this.#range) && value < this.#lowest) this.#lowest = value;
  }
}
