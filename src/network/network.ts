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

/** What the database keeps of a network. */
export interface NetworkRecord {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  readonly driver: NetworkDriverName;
  readonly enableIPv4: boolean;
  readonly enableIPv6: boolean;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ipam: { readonly driver: string; readonly options: Readonly<Record<string, string>> | null; readonly config: readonly IpamConfig[] };
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
  /** `02:42:ac:12:00:02` */
  readonly mac: string;
  readonly ipv4: EndpointAddress | null;
  readonly ipv6: EndpointAddress | null;
  /** Inside: `eth0`. */
  readonly interfaceName: string;
  /** On the host: `veth1a2b3c4`; empty where there is none (macvlan). */
  readonly hostInterface: string;
}
