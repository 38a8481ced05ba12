/** The endpoint drivers that there are. */
import { invalidParameter } from '../errors.ts';
import { BridgeEndpoints } from './bridge-endpoint.ts';
import type { EndpointDriver } from './endpoint-driver.ts';
import type { NetworkRecord, NetworkRegistry } from './network.ts';
import { ParentEndpoints } from './parent-endpoint.ts';

export type EndpointDrivers = (network: NetworkRecord) => EndpointDriver;

/** Throws invalid-parameter for a network that has no interfaces. */
export function createEndpointDrivers(networks: NetworkRegistry): EndpointDrivers {
  const [bridge, macvlan, ipvlan] = [new BridgeEndpoints(networks), new ParentEndpoints('macvlan', networks), new ParentEndpoints('ipvlan', networks)];
  return ({ driver, name }) => {
    switch (driver) {
      case 'bridge': return bridge;
      case 'macvlan': return macvlan;
      case 'ipvlan': return ipvlan;
      default: throw invalidParameter(`containers have no interfaces on networks of the driver ${driver}`, { object: name });
    }
  };
}
