/**
 * Which addresses of a subnet are taken. One that was given back is not given out again before all others have been: others may
 * remember it for a while (ARP caches, name caches, connections).
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
  /** Where the next search begins. */
  #next: bigint;

  /** `range` is the part of the subnet that addresses are chosen from; others can be asked for. */
  constructor(subnet: IpPrefix, range: IpPrefix = subnet) {
    this.subnet = subnet;
    this.#range = range;
    this.#next = firstOf(range);
    const hostBits = width(subnet.address.family) - subnet.length;
    const isV4 = subnet.address.family === 4;
    // The network's own address, and for IPv4 its broadcast address; a point-to-point link has neither (RFC 3021).
    if (!isV4 || hostBits > 1) this.#taken.set(firstOf(subnet), nobody);
    if (isV4 && hostBits > 1) this.#taken.set(lastOf(subnet), nobody);
  }

  /** The next free address of the range; undefined when there is none. */
  take(owner: string): IpAddress | undefined {
    const [first, last] = [firstOf(this.#range), lastOf(this.#range)];
    const value = this.#free(this.#next, last) ?? this.#free(first, this.#next - 1n);
    if (value === undefined) return undefined;
    this.#taken.set(value, owner);
    this.#next = value === last ? first : value + 1n;
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
    if (this.#taken.get(value) === owner) this.#taken.delete(value);
  }

  #free(from: bigint, to: bigint): bigint | undefined {
    for (let value = from; value <= to; value++) if (!this.#taken.has(value)) return value;
    return undefined;
  }
}
