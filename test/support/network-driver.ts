/**
 * Uses Caisson's own network code in the network namespace that it is started in: `network-driver.ts STEPS`, where STEPS is JSON, a list of
 * steps; says what each of them answered, as a JSON list. Addresses are texts, with the length of the prefix where there is one.
 */
import { NetlinkSocket } from '../../src/linux/ffi/netlink.ts';
import { encodeNetlink, netlinkFamily, type NetlinkMessage } from '../../src/linux/netlink/message.ts';
import { drop, interfaceKey, matches, meta } from '../../src/linux/netlink/expressions.ts';
import { flushChain, getElements, newChain, newRule, newTable, nftBatch } from '../../src/linux/netlink/nftables.ts';
import { receivedElements } from '../../src/linux/netlink/nftables-read.ts';
import { listShapes, type Shape, shapeLink, shapeOf } from '../../src/linux/netlink/shaping.ts';
import { interfaceMessage, newLink, newVeth, rtnetlink, setBridgePort } from '../../src/linux/netlink/route.ts';
import { addressBytes } from '../../src/network/address-bytes.ts';
import type { GatewayMode } from '../../src/network/bridge-options.ts';
import { bridgesAreFiltered, routeLoopback, switchForwardingOn } from '../../src/network/filter/forwarding.ts';
import { PacketFilter, type FilterState } from '../../src/network/filter/packet-filter.ts';
import { setNames } from '../../src/network/filter/table.ts';
import { watchFilter } from '../../src/network/filter/watch.ts';
import { bindOperations } from '../../src/network/ports.ts';
import { createLauncher } from '../../src/runtime/launcher.ts';
import type { Operation } from '../../src/runtime/plan/operations.ts';
import { containerPlan, helperPath, launchRequest, makeSandbox } from '../../src/runtime/testing/plain-container.ts';
import type { FilteredPort, FilterNetwork, Protocol } from '../../src/network/filter/elements.ts';

export interface NetworkText extends Omit<FilterNetwork, 'subnets' | 'modes' | 'trusted'> {
  readonly subnets: readonly string[];
  /** Of both families; without it `nat`. */
  readonly mode?: GatewayMode;
  readonly trusted?: readonly string[];
}
export interface PortText {
  readonly protocol: Protocol;
  readonly hostAddress?: string;
  /** Without it the container is reached by its own address. */
  readonly hostPort?: number;
  readonly address: string;
  readonly port: number;
}
export interface StateText {
  readonly networks: readonly NetworkText[];
  readonly ports: readonly PortText[];
  readonly guarded: readonly (4 | 6)[];
}
export type Step =
  | { readonly do: 'bridge'; readonly name: string }
  /** One end is a port of `master`, the other in the network namespace of `pid`. */
  | { readonly do: 'veth'; readonly name: string; readonly peer: string; readonly pid: number; readonly master?: string }
  /** For each shape in turn, what the kernel says an interface has when it was given that. */
  | { readonly do: 'shape'; readonly name: string; readonly shapes: readonly Shape[] }
  /** The rates that interfaces here are limited to, bytes per second. */
  | { readonly do: 'rates' }
  | { readonly do: 'forward'; readonly family: 4 | 6 }
  | { readonly do: 'route-loopback'; readonly bridge: string }
  | { readonly do: 'ensure'; readonly table: string; readonly state: StateText }
  /** What somebody else might do. */
  | { readonly do: 'remove'; readonly table: string }
  | { readonly do: 'flush-chain'; readonly table: string; readonly chain: string }
  /** Removes the table while it is watched; what `ensure` found then. */
  | { readonly do: 'watch'; readonly table: string; readonly state: StateText }
  /** Whether `ensure`, called twice with each state in turn, finds the table whole the second time. */
  | { readonly do: 'echo'; readonly table: string; readonly states: readonly StateText[] }
  /** A container below `directory` whose plan holds and publishes ports; its first process. The driver ends, its shim goes on. */
  | { readonly do: 'launch'; readonly table: string; readonly directory: string; readonly ports: readonly PortText[] }
  /** A firewall of the host that lets nothing in that comes by an interface, in the table `lab`. */
  | { readonly do: 'drop-input'; readonly from: string }
  /** How many ports are published. */
  | { readonly do: 'count-published'; readonly table: string }
  | { readonly do: 'publish' | 'unpublish'; readonly table: string; readonly ports: readonly PortText[] }
  | { readonly do: 'add-network' | 'remove-network'; readonly table: string; readonly network: NetworkText };

const networkOf = ({ subnets, mode = 'nat', trusted = [], ...rest }: NetworkText): FilterNetwork => ({
  ...rest, modes: { 4: mode, 6: mode }, trusted,
  subnets: subnets.map((subnet) => ({ address: addressBytes(subnet.split('/')[0] as string), length: Number(subnet.split('/')[1]) })),
});
const portOf = ({ hostAddress, hostPort, address, ...rest }: PortText): FilteredPort => {
  const reached = { ...rest, address: addressBytes(address) };
  return hostPort === undefined ? reached : { ...reached, hostPort, ...(hostAddress === undefined ? {} : { hostAddress: addressBytes(hostAddress) }) };
};

const stateOf = ({ networks, ports, guarded }: StateText): FilterState => ({ networks: networks.map(networkOf), ports: ports.map(portOf), guarded });

const routes = new NetlinkSocket(netlinkFamily.route);

function indexOf(name: string): number {
  const request = { type: rtnetlink.RTM_GETLINK, body: interfaceMessage(0), attributes: [{ type: rtnetlink.IFLA_IFNAME, value: name }] };
  return routes.get(request)?.payload.readInt32LE(4) ?? 0;
}

function watched(filter: PacketFilter, state: FilterState): Promise<unknown> {
  filter.ensure(state);
  return new Promise((resolve) => {
    const stop = watchFilter(filter, () => {
      stop();
      clearInterval(alive);
      resolve(filter.ensure(state));
    });
    // The watch itself keeps no process alive.
    const alive = setInterval(() => undefined, 60_000);
    filter.remove();
  });
}

function countPublished(table: string): number {
  const names = ([4, 6] as const).flatMap((family) => [setNames.published[family], setNames.publishedOnAll[family]]);
  const socket = new NetlinkSocket(netlinkFamily.netfilter);
  return names.flatMap((name) => socket.dump(getElements(table, name)).flatMap(receivedElements)).length;
}

async function launch(filter: PacketFilter, directory: string, ports: readonly FilteredPort[]): Promise<number> {
  const operation = (messages: readonly NetlinkMessage[], reason: string): Operation =>
    ({ name: 'netlink', reason, family: netlinkFamily.netfilter, messages: encodeNetlink(messages), links: [], linkOffsets: [], pidOffset: 0, optional: 0 });
  const bindings = ports.map(({ protocol, hostPort = 0, port }) => ({ protocol, hostPort, containerPort: port, hostIp: '0.0.0.0', address: '0.0.0.0', endpointId: '', relayed: false }));
  const sandbox = makeSandbox(directory);
  const launcher = createLauncher({ helperPath, execRoot: sandbox.execRoot });
  const plan = containerPlan(sandbox.root, {
    argv: ['sleep', '1000'],
    prepare: [...bindOperations(bindings), operation(filter.publish(ports), 'published ports')],
    release: [operation(filter.unpublish(ports), 'published ports')],
  });
  return (await launcher.launch(launchRequest(sandbox, 1, plan), [])).shim.pid;
}

const shapes = () => routes.dump(listShapes()).flatMap((message) => shapeOf(message) ?? []);

function take(step: Step): unknown {
  switch (step.do) {
    case 'bridge':
      return routes.request([newLink('bridge', { name: step.name, up: true })]);
    case 'shape':
      return step.shapes.map((shape) => {
        routes.request([shapeLink(indexOf(step.name), shape)]);
        const { rate, limit } = shapes().find(({ index }) => index === indexOf(step.name)) ?? { rate: 0, limit: 0 };
        return { rate, limit };
      });
    case 'rates':
      return shapes().map(({ rate }) => rate);
    case 'veth':
      routes.request([newVeth(
        { name: step.name, up: true, ...(step.master === undefined ? {} : { master: indexOf(step.master) }) },
        { name: step.peer, namespacePid: step.pid },
      )]);
      if (step.master !== undefined) routes.request([setBridgePort(indexOf(step.name), { hairpin: bridgesAreFiltered() })]);
      return null;
    case 'forward':
      return switchForwardingOn(step.family);
    case 'route-loopback':
      return routeLoopback(step.bridge);
    case 'ensure':
      return new PacketFilter(step.table).ensure(stateOf(step.state));
    case 'echo':
      return step.states.map(stateOf).map((state) => [new PacketFilter(step.table).ensure(state), new PacketFilter(step.table).ensure(state)].join()).join(' ');
    case 'watch':
      return watched(new PacketFilter(step.table), stateOf(step.state));
    case 'remove':
      return new PacketFilter(step.table).remove();
    case 'flush-chain':
      return new NetlinkSocket(netlinkFamily.netfilter).request(nftBatch([flushChain(step.table, step.chain)]));
    case 'launch':
      return launch(new PacketFilter(step.table), step.directory, step.ports.map(portOf));
    case 'drop-input':
      return new NetlinkSocket(netlinkFamily.netfilter).request(nftBatch([
        newTable('lab', new Uint8Array(1)), newChain('lab', { name: 'input', base: { type: 'filter', hook: 'input', priority: 0 }, rules: [] }),
        newRule('lab', 'input', [...matches(meta('iifname'), interfaceKey(step.from)), ...drop()]),
      ]));
    case 'count-published':
      return countPublished(step.table);
    case 'publish':
    case 'unpublish':
      return new NetlinkSocket(netlinkFamily.netfilter).request(new PacketFilter(step.table)[step.do](step.ports.map(portOf)));
    case 'add-network':
      return new PacketFilter(step.table).addNetwork(networkOf(step.network));
    case 'remove-network':
      return new PacketFilter(step.table).removeNetwork(networkOf(step.network));
  }
}

const steps = JSON.parse(process.argv[2] as string) as Step[];
const answers: unknown[] = [];
for (const step of steps) {
  try {
    answers.push((await take(step)) ?? null);
  } catch (error) {
    answers.push({ refused: (error as NodeJS.ErrnoException).code ?? String(error) });
  }
}
console.log(JSON.stringify(answers));
// A launcher waits for its shims.
process.exit(0);
