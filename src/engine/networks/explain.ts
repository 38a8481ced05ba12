/** Who reaches a container's published ports, and by which rules: `GET /containers/{id}/ports`, an extension. */
import { foreignChains } from '../../network/filter/foreign-chains.ts';
import { setNames } from '../../network/filter/table.ts';
import type { PortBinding } from '../../network/ports.ts';
import type { Container } from '../container.ts';
import type { EngineContext } from '../context.ts';

/** One way to a port. */
export interface PortReach {
  /** Who: `other hosts, at any IPv4 address of this one`. */
  readonly From: string;
  /** Whom the container takes them for. */
  readonly SeenAs: string;
  /** What leads them there. */
  readonly By: string;
}

export interface ExplainedPort {
  /** `80/tcp` */
  readonly Port: string;
  readonly HostIp: string;
  readonly HostPort: string;
  readonly Network: string;
  /** Of the container there: `172.17.0.2` */
  readonly Address: string;
  readonly Reach: readonly PortReach[];
  /** Chains of others that packets from outside have to pass as well: `ip filter FORWARD (policy drop)`. */
  readonly Passes: readonly string[];
}

export function explainPorts(context: EngineContext, { record }: Container): ExplainedPort[] {
  return record.ports.map((binding) => {
    const { protocol, containerPort, hostIp, hostPort, address, endpointId, relayed } = binding;
    const endpoint = record.endpoints.find(({ id }) => id === endpointId);
    const network = endpoint === undefined ? undefined : context.networks.find(endpoint.networkId);
    const chains = foreignChains(context.networkFilter.table, relayed ? 'input' : 'forward', familyOf(hostIp));
    return {
      Port: `${containerPort}/${protocol}`, HostIp: hostIp, HostPort: hostPort === 0 ? '' : String(hostPort), Network: network?.name ?? '', Address: address,
      Reach: reachOf(context.networkFilter.table, binding),
      Passes: isLoopback(hostIp) ? [] : chains.map(({ name, policy }) => `${name} (policy ${policy})`),
    };
  });
}

const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);
const isAny = (address: string): boolean => address === '0.0.0.0' || address === '::';
const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

const bridge = "the bridge's address";
const relay = "the host's input rules, then the relay of the container's shim";

function reachOf(table: string, binding: PortBinding): PortReach[] {
  if (binding.hostPort === 0) return routedReach(table, binding);
  return binding.relayed ? relayedReach(binding.hostIp) : translatedReach(table, binding);
}

/** By the container's own address, without a port of the host. */
function routedReach(table: string, { address, containerPort }: PortBinding): PortReach[] {
  const [at, family] = [`${address}, port ${containerPort}`, familyOf(address)];
  const filtered = `table inet ${table}: forward, set ${setNames.reached[family]}`;
  return [
    { From: `other hosts that have a route, at ${at}`, SeenAs: 'themselves', By: filtered },
    { From: `this host, at ${at}`, SeenAs: bridge, By: 'its route to the bridge' },
    { From: `containers that have a way out, at ${at}`, SeenAs: 'what they leave the host as', By: filtered },
  ];
}

function relayedReach(hostIp: string): PortReach[] {
  const at = isAny(hostIp) ? `any IPv${familyOf(hostIp)} address of it` : hostIp;
  const host = { From: `this host, at ${at}`, SeenAs: bridge, By: relay };
  if (isLoopback(hostIp)) return [host];
  return [{ From: `other hosts, at ${at.replace(' of it', ' of this one')}`, SeenAs: bridge, By: relay }, host, { From: 'containers that have a way out', SeenAs: bridge, By: relay }];
}

function translatedReach(table: string, { hostIp }: PortBinding): PortReach[] {
  const family = familyOf(hostIp);
  const map = isAny(hostIp) ? setNames.publishedOnAll[family] : setNames.published[family];
  const led = (chain: string) => `table inet ${table}: ${chain} → published, map ${map}`;
  const outside = { From: `other hosts, at ${isAny(hostIp) ? `any IPv${family} address of this one` : hostIp}`, SeenAs: 'themselves', By: led('prerouting') };
  const containers = { From: 'containers that have a way out', SeenAs: bridge, By: led('prerouting') };
  const own = { From: `this host, at ${isAny(hostIp) ? `an IPv${family} address of it` : hostIp}`, SeenAs: 'that address', By: led('output') };
  const loopback = family === 4
    ? { From: `this host, at ${isAny(hostIp) ? '127.0.0.1' : hostIp}`, SeenAs: bridge, By: led('output') }
    : { From: 'this host, at ::1', SeenAs: bridge, By: relay };
  if (isLoopback(hostIp)) return [loopback];
  return [outside, own, ...(isAny(hostIp) ? [loopback] : []), containers];
}
