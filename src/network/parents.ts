/** Interfaces of the host that networks of the drivers macvlan and ipvlan are made over, named by their option `parent`. */
import { randomBytes } from 'node:crypto';
import { conflict, invalidParameter, systemError } from '../errors.ts';
import { NetlinkError, type NetlinkSocket } from '../linux/ffi/netlink.ts';
import { getLink, type Link, linkOf } from '../linux/netlink/inventory.ts';
import { newLink } from '../linux/netlink/route.ts';
import type { NetworkRecord } from './network.ts';

type Driver = 'macvlan' | 'ipvlan';
type Options = Readonly<Record<string, string>>;

const modes: Readonly<Record<Driver, readonly string[]>> = {
  macvlan: ['bridge', 'private', 'vepa', 'passthru'], ipvlan: ['l2', 'l3', 'l3s'],
};
const flags = ['bridge', 'private', 'vepa'];

/** Which of a network's own choices leave it without a gateway: there is nobody outside to be one (l3 routes by itself). */
export const needsNoGateway = (driver: Driver, options: Options, internal: boolean): boolean =>
  internal || (options['parent'] ?? '') === '' || (driver === 'ipvlan' && (options['ipvlan_mode'] ?? 'l2') !== 'l2');

/** Throws, in Docker's words, for options that cannot be, and where the kernel or the parent interface are missing. */
export function checkParent(socket: NetlinkSocket, driver: Driver, options: Options, others: readonly NetworkRecord[]): void {
  checkModes(driver, options);
  const parent = options['parent'] ?? '';
  if (parent === 'lo') throw invalidParameter(`loopback interface is not a valid ${driver} parent link`);
  const user = others.find((other) => other.driver === driver && parent !== '' && other.options['parent'] === parent && excludes(driver, options, other.options));
  if (user !== undefined) throw conflict(`network ${driver === 'macvlan' ? 'dm' : 'di'}-${user.id.slice(0, 12)} is already using parent interface ${parent}`);
  if (!kernelHas(socket, driver)) throw invalidParameter(`this kernel has no ${driver} interfaces (CONFIG_${driver.toUpperCase()}): operation not supported`);
  if (parent !== '' && find(socket, parent) === undefined) checkVlan(socket, parent);
}

function checkModes(driver: Driver, options: Options): void {
  const [mode, flag] = [options[`${driver}_mode`] ?? '', options['ipvlan_flag'] ?? ''];
  if (mode !== '' && !modes[driver].includes(mode)) {
    throw invalidParameter(`requested ${driver} mode '${mode}' is not valid, '${modes[driver][0]}' mode is the ${driver} driver default`);
  }
  if (driver === 'ipvlan' && flag !== '' && !flags.includes(flag)) {
    throw invalidParameter(`requested ipvlan flag '${flag}' is not valid, 'bridge' is the ipvlan driver default`);
  }
}

/** Only macvlan networks share a parent, and not when one of them takes it for itself. */
const excludes = (driver: Driver, ...options: readonly Options[]): boolean =>
  driver === 'ipvlan' || options.some(({ macvlan_mode: mode }) => mode === 'passthru');

/** A parent that is not there is a VLAN of one that is: `eth0.10`. Its own interface is made with the first container. */
function checkVlan(socket: NetlinkSocket, parent: string): void {
  const parts = parent.split('.');
  if (parts.length !== 2) throw invalidParameter(`invalid subinterface vlan name ${parent}, example formatting is eth0.10`);
  const [lower = '', id = ''] = parts;
  if (!/^\d+$/.test(id)) throw invalidParameter(`unable to parse a valid vlan id from: ${id} (ex. eth0.10 for vlan 10)`);
  if (Number(id) < 1 || Number(id) > 4094) throw invalidParameter(`vlan id must be between 1-4094, received: ${id}`);
  if (find(socket, lower) === undefined) throw invalidParameter(`-o parent interface was not found on the host: ${lower}`);
  if (!kernelHas(socket, 'vlan')) throw systemError(`failed to create ${parent} vlan link: operation not supported`);
}

function find(socket: NetlinkSocket, name: string): Link | undefined {
  const answer = Buffer.byteLength(name) > 15 ? undefined : socket.get(getLink(name));
  return answer === undefined ? undefined : linkOf(answer);
}

/** A kind that the kernel does not know is told from a request that lacks the interface below. */
function kernelHas(socket: NetlinkSocket, kind: string): boolean {
  try {
    socket.request([newLink(kind, { name: `probe${randomBytes(4).toString('hex')}` })]);
    return true;
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    return error.code !== 'EOPNOTSUPP';
  }
}
