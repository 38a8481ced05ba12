/** The host, as the port allocator asks it. */
import { readFileSync } from 'node:fs';
import { tryBind } from '../linux/ffi/try-bind.ts';
import { addressBytes } from './address-bytes.ts';
import { protocolNumbers } from './filter/elements.ts';
import type { PortHost, PortRange } from './ports.ts';

export const portHost = (relayAll: boolean): PortHost => ({
  relayAll,
  tryBind: (protocol, address, port) => tryBind(protocolNumbers[protocol], address, port),
  ipv6: listensOnIPv6(),
  localPorts: localPortRange(),
});

/** A kernel may have IPv6, and no interface that does (net.ipv6.conf.all.disable_ipv6). */
function listensOnIPv6(): boolean {
  try {
    return tryBind(protocolNumbers.tcp, addressBytes('::1'), 0) === undefined;
  } catch {
    return false; // not even a socket: the kernel has none
  }
}

function localPortRange(): PortRange {
  const [first = 0, last = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').trim().split(/\s+/).map(Number);
  return { first, last };
}
