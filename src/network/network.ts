/** What a network and an endpoint are, as they are stored and handed around. Names are those of Docker's API, in lower case. */

export type NetworkDriverName = 'bridge' | 'host' | 'null' | 'macvlan' | 'ipvlan';

/** One address pool of a network. Texts are as Docker shows them; an empty one was not given. */
export interface IpamConfig {
  /** `172.18.0.0/16` */
  readonly subnet: string;
  /** Part of the subnet that addresses are taken from; empty: all of it. */
  readonly ipRange: string;
  /** Of the bridge, or of the network outside. */
  readonly gateway: string;
  /** Addresses that others use, by name. */
  readonly auxAddresses: Readonly<Record<string, string>>;
}

/** Where a network's addresses come from: what was asked for, completed; without a gateway where the network needs none. */
export interface NetworkPool extends IpamConfig {
  /** Nobody asked for this subnet. */
  readonly automatic: boolean;
}

/** What the database keeps of a network. */
export interface NetworkRecord {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  readonly driver: NetworkDriverName;
  /** `local`, or whatever a client said. */
  readonly scope: string;
  readonly enableIPv4: boolean;
  readonly enableIPv6: boolean;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ingress: boolean;
  /** No network, but a configuration that others refer to. */
  readonly configOnly: boolean;
  /** The network whose configuration this one has; empty for its own. */
  readonly configFrom: string;
  /** As asked for, and as chosen where nothing was. */
  readonly ipam: { readonly driver: string; readonly options: Readonly<Record<string, string>> | null; readonly config: readonly IpamConfig[] };
  /** IPv4 before IPv6; the first of a family is used up first. */
  readonly pools: readonly NetworkPool[];
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** An address and its network's prefix length, as text: `172.18.0.2`, 16. */
export interface EndpointAddress {
  readonly address: string;
  readonly prefixLength: number;
  /** Empty on a network without one. */
  readonly gateway: string;
}

/** A container's interface on a network, from its start to its end. */
export interface Endpoint {
  /** 64 hex digits. */
  readonly id: string;
  readonly networkId: string;
  readonly containerId: string;
  /** `02:42:ac:12:00:02`; empty where it is that of the parent (ipvlan). */
  readonly mac: string;
  readonly ipv4: EndpointAddress | null;
  readonly ipv6: EndpointAddress | null;
  /** Inside: `eth0`. */
  readonly interfaceName: string;
  /** On the host: `veth1a2b3c4`; empty where there is none (macvlan). */
  readonly hostInterface: string;
}

/** What an endpoint is to have; what is left out is chosen. */
export interface AddressRequest {
  readonly containerId: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/** The networks of an engine, and who has which address on them. */
export interface NetworkRegistry {
  all(): readonly NetworkRecord[];
  /** By id, name or unique id prefix. Throws not-found: `network x not found`. */
  get(ref: string): NetworkRecord;
  /** The same; undefined when there is none. */
  find(ref: string): NetworkRecord | undefined;
  /** The bridge interface of a network of that driver, which is there when this returns. */
  bridgeOf(network: NetworkRecord): string;
  /** The interface that a network of the driver macvlan or ipvlan is over, and whether there is one of that name. */
  parentOf(network: NetworkRecord): { readonly name: string; readonly isThere: boolean };
  /** With a hardware address for who was given none. Throws in Docker's words when an address is taken, or none is left. */
  allocate(network: NetworkRecord, request: AddressRequest): Pick<Endpoint, 'mac' | 'ipv4' | 'ipv6'>;
  /** Notes the addresses of an endpoint that an earlier daemon has made. */
  reserve(endpoint: Endpoint): void;
  release(endpoint: Endpoint): void;
}
