/**
 * How containers get an interface on networks of a driver. To add one: implement this, list it in `endpoint-drivers.ts`, and give
 * `test/integration/endpoint-drivers.test.ts` a network of it, which asks of each driver the same.
 */
import type { NetworkOperations } from '../runtime/compile.ts';
import type { InterfaceSysctl } from './endpoint-options.ts';
import type { Endpoint, NetworkRecord } from './network.ts';

/** What else the interface depends on. */
export interface EndpointPlace {
  /** The default route of each family goes through this endpoint. */
  readonly isDefault: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** The container has published ports. */
  readonly publishes: boolean;
  /** Bytes per second that its interfaces pass each way; 0: as many as they can. */
  readonly rate: number;
  /** More addresses of its interface, which nobody manages. */
  readonly linkLocal: readonly string[];
  /** What was asked for of its interface in the container. */
  readonly sysctls: readonly InterfaceSysctl[];
  /** The kernel has IPv6 at all. */
  readonly ipv6: boolean;
  /** A process in the container's network namespace; `child` is the one that the shim has just cloned. */
  readonly namespacePid: number | 'child';
}

export interface EndpointDriver {
  /** Published ports of a container lead to its endpoint here. */
  readonly publishesPorts: boolean;
  /**
   * What a new endpoint has besides its addresses: a hardware address, from the one that was asked for or chosen, and a name for its interface
   * on the host, empty where there is none. Throws in Docker's words where there can be no endpoint.
   */
  prepare(network: NetworkRecord, mac: { readonly asked: string | undefined; readonly chosen: string }): Pick<Endpoint, 'mac' | 'hostInterface'>;
  /**
   * Makes the interface, with its addresses and, where it is the way out, the default routes; and takes its addresses out of use in `release`.
   * `init` happens in the container's network namespace. To take it out of a running container, the interface of its name is deleted there.
   */
  operations(endpoint: Endpoint, network: NetworkRecord, place: EndpointPlace): NetworkOperations;
}
