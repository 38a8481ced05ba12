/**
 * Interfaces of the host that networks of the drivers macvlan and ipvlan are made over, named by their option `parent`. One that is not there
 * is made: `eth0.10` is the VLAN 10 of eth0, and without the option it is a dummy, which leads nowhere.
 */
import { randomBytes } from 'node:crypto';
import { conflict, invalidParameter, systemError } from '../errors.ts';
import { NetlinkError, type NetlinkSocket } from '../linux/ffi/netlink.ts';
import type { Link } from '../linux/netlink/inventory.ts';
import type { NetlinkMessage } from '../linux/netlink/message.ts';
import { newLink, newVlan } from '../linux/netlink/route.ts';
import type { NetworkRecord } from './network.ts';
import type { OwnedLinks } from './owned-links.ts';
import { checkModes, isParentDriver, type ParentDriver, type ParentOptions } from './parent-options.ts';

/** The parent of a network; a dummy is named after it, as with Docker. */
export function parentName({ id, driver, options }: NetworkRecord): string {
  const asked = options['parent'] ?? '';
  return asked === '' ? `${driver === 'macvlan' ? 'dm' : 'di'}-${id.slice(0, 12)}` : asked;
}

export class Parents {
  readonly #socket: NetlinkSocket;
  readonly #links: OwnedLinks;

  constructor(socket: NetlinkSocket, links: OwnedLinks) {
    this.#socket = socket;
    this.#links = links;
  }

  isThere(network: NetworkRecord): boolean {
    return this.#links.find(parentName(network)) !== undefined;
  }

  /** Throws, in Docker's words, for options that cannot be, and where the kernel has no such interfaces. */
  check(driver: ParentDriver, options: ParentOptions, others: readonly NetworkRecord[]): void {
    checkModes(driver, options);
    const parent = options['parent'] ?? '';
    if (parent === 'lo') throw invalidParameter(`loopback interface is not a valid ${driver} parent link`);
    const user = others.find((other) => other.driver === driver && parent !== '' && other.options['parent'] === parent && excludes(driver, options, other.options));
    if (user !== undefined) throw conflict(`network ${driver === 'macvlan' ? 'dm' : 'di'}-${user.id.slice(0, 12)} is already using parent interface ${parent}`);
    if (!this.#kernelHas(driver)) throw invalidParameter(`this kernel has no ${driver} interfaces (CONFIG_${driver.toUpperCase()}): operation not supported`);
  }

  /** Makes the parent if it is not there. */
  ensure(network: NetworkRecord): void {
    const name = parentName(network);
    if (this.#links.find(name) !== undefined) return;
    const isDummy = (network.options['parent'] ?? '') === '';
    const message = isDummy ? newLink('dummy', { name, up: true }) : this.#vlan(name);
    try {
      this.#socket.request([message]);
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      const why = error.message.replace('netlink: ', '');
      throw systemError(`failed to create ${name} ${isDummy ? 'dummy' : 'vlan'} link: ${why}`, { object: network.name, cause: error });
    }
    this.#links.claim(this.#links.find(name) as Link, network.id);
  }

  /** The network is gone, `others` are there: the parent goes, if it was made here, with the last network over it. */
  remove(network: NetworkRecord, others: readonly NetworkRecord[]): void {
    const name = parentName(network);
    const heir = others.find((other) => isParentDriver(other.driver) && !other.configOnly && parentName(other) === name);
    const link = this.#links.find(name);
    if (link === undefined || this.#links.ownerOf(link) === undefined) return;
    if (heir === undefined) this.#links.delete(link);
    else this.#links.claim(link, heir.id);
  }

  /** A parent that is not there is a VLAN of one that is. */
  #vlan(parent: string): NetlinkMessage {
    const parts = parent.split('.');
    if (parts.length !== 2) throw invalidParameter(`invalid subinterface vlan name ${parent}, example formatting is eth0.10`);
    const [lower = '', id = ''] = parts;
    if (!/^\d+$/.test(id)) throw invalidParameter(`unable to parse a valid vlan id from: ${id} (ex. eth0.10 for vlan 10)`);
    if (Number(id) < 1 || Number(id) > 4094) throw invalidParameter(`vlan id must be between 1-4094, received: ${id}`);
    const link = this.#links.find(lower);
    if (link === undefined) throw invalidParameter(`-o parent interface was not found on the host: ${lower}`);
    return newVlan({ name: parent, up: true, link: link.index }, Number(id));
  }

  /** A kind that the kernel does not know is told from a request that lacks the interface below. */
  #kernelHas(kind: string): boolean {
    try {
      this.#socket.request([newLink(kind, { name: `probe${randomBytes(4).toString('hex')}` })]);
      return true;
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      return error.code !== 'EOPNOTSUPP';
    }
  }
}

/** Only macvlan networks share a parent, and not when one of them takes it for itself. */
const excludes = (driver: ParentDriver, ...options: readonly ParentOptions[]): boolean =>
  driver === 'ipvlan' || options.some(({ macvlan_mode: mode }) => mode === 'passthru');
