/** The three networks that are always there. Networks of one's own come with a later version. */
import { forbidden, notFound, notImplemented } from '../../errors.ts';
import type { Filters } from '../../engine/engine.ts';
import { networkId } from '../../engine/network-id.ts';
import type { Exchange } from '../exchange.ts';
import { acceptedFilters, parseFilters } from '../filters.ts';
import { del, get, post } from '../router.ts';
import type { Route } from '../router.ts';

interface PredefinedNetwork {
  readonly Name: string;
  readonly Id: string;
  readonly Driver: string;
  readonly [field: string]: unknown;
}

export function networkRoutes(): Route[] {
  // Made when the server starts, like Docker's.
  const created = new Date().toISOString();
  const networks = [
    predefined('bridge', 'bridge', created),
    predefined('host', 'host', created),
    predefined('none', 'null', created),
  ];
  const find = (name: string): PredefinedNetwork => {
    const found = networks.find((network) => network.Name === name)
      ?? networks.find((network) => network.Id.startsWith(name));
    if (found === undefined) throw notFound(`network ${name} not found`);
    return found;
  };
  const list = (exchange: Exchange): void => {
    const filters = parseFilters(exchange.query.get('filters'), acceptedFilters.networks);
    exchange.json(200, networks.filter((network) => matches(network, filters)));
  };
  return [
    get('/networks', list),
    get('/networks/', list),
    get('/networks/{id}', (exchange) => exchange.json(200, find(exchange.param))),
    del('/networks/{id}', (exchange) => {
      throw forbidden(`${find(exchange.param).Name} is a pre-defined network and cannot be removed`);
    }),
    post('/networks/prune', (exchange) => {
      parseFilters(exchange.query.get('filters'), acceptedFilters.networksPrune);
      exchange.json(200, { NetworksDeleted: null });
    }),
    post('/networks/create', refuse('creating networks')),
    post('/networks/{id}/connect', refuse('connecting a container to a network')),
    post('/networks/{id}/disconnect', refuse('disconnecting a container from a network')),
  ];
}

function refuse(what: string): () => never {
  return () => {
    throw notImplemented(`${what} is not implemented by Caisson yet`);
  };
}

function predefined(name: string, driver: string, created: string): PredefinedNetwork {
  return {
    Name: name,
    Id: networkId(name),
    Created: created,
    Scope: 'local',
    Driver: driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: null },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: {},
    Options: {},
    Labels: {},
  };
}

function matches(network: PredefinedNetwork, filters: Filters): boolean {
  const any = (name: string, test: (value: string) => boolean): boolean => filters[name]?.some(test) ?? true;
  return (
    any('name', (value) => network.Name.includes(value))
    && any('id', (value) => network.Id.startsWith(value))
    && any('driver', (value) => network.Driver === value)
    && any('scope', (value) => value === 'local')
    && any('type', (value) => value === 'builtin')
    && any('label', () => false)
    // A predefined network is never dangling.
    && any('dangling', (value) => value === 'false' || value === '0')
  );
}
