/** Options of networks of the driver `bridge`, read and refused in Docker's words. */
import { isIPv4, isIPv6 } from 'node:net';
import { invalidParameter } from '../errors.ts';

const prefix = 'com.docker.network.bridge.';
const gatewayModes = ['nat', 'nat-unprotected', 'routed', 'isolated'] as const;
/**
 * What a network is to the outside. `nat`: its containers leave under the host's address, and are reached by the host's ports; `nat-unprotected`: by their own
 * addresses as well; `routed`: under their own addresses, published ports alone; `isolated`: there is not even a gateway.
 */
export type GatewayMode = (typeof gatewayModes)[number];

export interface BridgeOptions {
  /** Empty: named after the network's id. */
  readonly name: string;
  /** Bytes; 0 is the kernel's choice. */
  readonly mtu: number;
  /** The bridge gets no IPv4 address. */
  readonly inhibitIPv4: boolean;
  readonly gatewayModeIPv4: GatewayMode;
  readonly gatewayModeIPv6: GatewayMode;
  /** Interfaces of the host that lead to containers' published ports by the containers' own addresses. */
  readonly trustedInterfaces: readonly string[];
  /** Of its interfaces in containers: `eth` makes `eth0`, `eth1` … */
  readonly interfacePrefix: string;
}

/** Throws invalid-parameter. Options that are not known are kept and not looked at, as Docker does. */
export function parseBridgeOptions(options: Readonly<Record<string, string>>, internal: boolean): BridgeOptions {
  const value = (label: string) => options[label] ?? '';
  for (const label of ['enable_ip_masquerade', 'enable_icc', 'default_bridge'].map((name) => prefix + name)) checkBool(label, options[label]);
  checkAddress(`${prefix}host_binding_ipv4`, value(`${prefix}host_binding_ipv4`), (text) => isIPv4(text) || isIPv6(text));
  checkAddress('com.docker.network.host_ipv4', value('com.docker.network.host_ipv4'), isIPv4);
  checkAddress('com.docker.network.host_ipv6', value('com.docker.network.host_ipv6'), isIPv6);
  return {
    name: checkName(value(`${prefix}name`)),
    mtu: parseMtu(options['com.docker.network.driver.mtu']),
    inhibitIPv4: checkBool(`${prefix}inhibit_ipv4`, options[`${prefix}inhibit_ipv4`]),
    gatewayModeIPv4: parseMode(`${prefix}gateway_mode_ipv4`, options, internal),
    gatewayModeIPv6: parseMode(`${prefix}gateway_mode_ipv6`, options, internal),
    trustedInterfaces: value(`${prefix}trusted_host_interfaces`).split(':').filter((name) => name !== ''),
    interfacePrefix: value('com.docker.network.container_iface_prefix') || 'eth',
  };
}

function refuse(label: string, value: string, reason: string): never {
  throw invalidParameter(`failed to parse ${label} value: ${value} (${reason})`);
}

/** Go's strconv.ParseBool; undefined is false. */
function checkBool(label: string, value: string | undefined): boolean {
  const read = value === undefined ? false : parseGoBool(value);
  return read ?? refuse(label, value ?? '', `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
}

/** Undefined for what Go does not take. */
export function parseGoBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined;
}

function checkAddress(label: string, value: string, isAddress: (text: string) => boolean): void {
  if (value !== '' && !isAddress(value)) refuse(label, value, 'nil ip');
}

/** The kernel's rules (dev_valid_name); Docker passes on what the kernel says about it. */
function checkName(name: string): string {
  if (name !== '' && (Buffer.byteLength(name) > 15 || name === '.' || name === '..' || /[/:\s]/.test(name))) {
    throw invalidParameter(`invalid bridge name ${JSON.stringify(name)}: a name of an interface has at most 15 bytes, without spaces, slashes and colons`);
  }
  return name;
}

/** The least and the most the kernel gives a bridge. */
const [minMtu, maxMtu] = [68, 65_535];

function parseMtu(value: string | undefined): number {
  if (value === undefined) return 0;
  if (!/^[+-]?\d+$/.test(value)) refuse('com.docker.network.driver.mtu', value, `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
  const mtu = Number(value);
  if (mtu !== 0 && (mtu < minMtu || mtu > maxMtu)) throw invalidParameter(`invalid MTU number: ${value}`);
  return mtu;
}

function parseMode(label: string, options: Readonly<Record<string, string>>, internal: boolean): GatewayMode {
  const value = options[label];
  if (value === undefined) return 'nat';
  const mode = gatewayModes.find((known) => known === value) ?? refuse(label, value, `unknown gateway mode ${value}`);
  if (mode === 'isolated' && !internal) throw invalidParameter("gateway mode 'isolated' can only be used for an internal network");
  return mode;
}
