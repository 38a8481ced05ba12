/** What the kernel forwards between interfaces: switched on for a family when its first network is made, and no earlier. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const settings = '/proc/sys/net';
const read = (file: string): string => readFileSync(path.join(settings, file), 'utf8').trim();
const write = (file: string, value: string): void => writeFileSync(path.join(settings, file), value);

const switches = { 4: 'ipv4/ip_forward', 6: 'ipv6/conf/all/forwarding' } as const;

/**
 * Makes the host forward packets of a family. True when it did not before: then it must not begin to do so for others than
 * containers (`guarded` of FilterState).
 */
export function switchForwardingOn(family: 4 | 6): boolean {
  if (read(switches[family]) !== '0') return false;
  if (family === 6) keepRouterAdvertisements();
  write(switches[family], '1');
  return true;
}

/** A host that forwards IPv6 ignores router advertisements, and would lose its own default route: 2 means to heed them nevertheless. */
function keepRouterAdvertisements(): void {
  for (const name of readdirSync(path.join(settings, 'ipv6/conf'))) {
    const file = `ipv6/conf/${name}/accept_ra`;
    if (read(file) === '1') write(file, '2');
  }
}

/** Lets connections from 127.0.0.1 leave by a bridge. What containers must not do with that is dropped (table.ts, `martians`). */
export function routeLoopback(bridge: string): void {
  write(`ipv4/conf/${bridge}/route_localnet`, '1');
}

/**
 * True when the packet filter sees what bridges pass on (br_netfilter). A published port that leads back to the bridge is passed on by
 * the bridge then, and back through the port that it came from only where that one is set to (setBridgePort, `hairpin`).
 */
export function bridgesAreFiltered(): boolean {
  return ['iptables', 'ip6tables'].some((each) => existsSync(path.join(settings, `bridge/bridge-nf-call-${each}`)) && read(`bridge/bridge-nf-call-${each}`) !== '0');
}
