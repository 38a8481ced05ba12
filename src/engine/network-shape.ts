/** Networks as `GET /networks` and `GET /networks/{id}` show them, in the field order of Docker 28. */
import type { Endpoint, EndpointAddress, IpamConfig, NetworkRecord } from '../network/network.ts';

/** An endpoint of a running container, with the container's name. */
export interface NamedEndpoint {
  readonly containerName: string;
  readonly endpoint: Endpoint;
}

/** `endpoints` are left out of lists, as Docker does. */
export function shownNetwork(network: NetworkRecord, endpoints: readonly NamedEndpoint[] = []): object {
  const { ipam } = network;
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: network.scope,
    Driver: network.driver,
    EnableIPv4: network.enableIPv4,
    EnableIPv6: network.enableIPv6,
    IPAM: { Driver: ipam.driver, Options: ipam.options, Config: ipam.config.length === 0 ? null : ipam.config.map(shownConfig) },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: network.ingress,
    ConfigFrom: { Network: network.configFrom },
    ConfigOnly: network.configOnly,
    Containers: Object.fromEntries(endpoints.map((each) => [each.endpoint.containerId, shownEndpoint(each)])),
    Options: network.options,
    Labels: network.labels,
  };
}

/** Go leaves out what is empty. */
const shownConfig = ({ subnet, ipRange, gateway, auxAddresses }: IpamConfig): object => ({
  Subnet: subnet,
  ...(ipRange === '' ? {} : { IPRange: ipRange }),
  ...(gateway === '' ? {} : { Gateway: gateway }),
  ...(Object.keys(auxAddresses).length === 0 ? {} : { AuxiliaryAddresses: auxAddresses }),
});

function shownEndpoint({ containerName, endpoint }: NamedEndpoint): object {
  const { id, mac, ipv4, ipv6 } = endpoint;
  return { Name: containerName, EndpointID: id, MacAddress: mac, IPv4Address: withLength(ipv4), IPv6Address: withLength(ipv6) };
}

const withLength = (address: EndpointAddress | null): string => (address === null ? '' : `${address.address}/${address.prefixLength}`);
