/** What has passed through the interfaces of a process's network namespace. */
import { readFileSync } from 'node:fs';

/** Of one interface, as Docker names them. */
export interface InterfaceCounters {
  readonly rx_bytes: bigint;
  readonly rx_packets: bigint;
  readonly rx_errors: bigint;
  readonly rx_dropped: bigint;
  readonly tx_bytes: bigint;
  readonly tx_packets: bigint;
  readonly tx_errors: bigint;
  readonly tx_dropped: bigint;
}

/**
 * By name, of those that an engine has made (`eth0` …): a namespace has others of its own, such as `lo` and `tunl0`. Undefined when
 * there is none. Throws Node's error when the process is gone.
 */
export function interfaceCounters(pid: number): Record<string, InterfaceCounters> | undefined {
  const lines = readFileSync(`/proc/${pid}/net/dev`, 'utf8').split('\n');
  const found = lines.flatMap((line) => {
    const match = /^\s*(eth\d+):\s*(.*)$/.exec(line);
    return match === null ? [] : [[match[1], countersOf(match[2] ?? '')] as const];
  });
  return found.length === 0 ? undefined : (Object.fromEntries(found) as Record<string, InterfaceCounters>);
}

/** Columns of /proc/net/dev: eight for what was received, then eight for what was sent. */
function countersOf(text: string): InterfaceCounters {
  const columns = text.trim().split(/\s+/).map(BigInt);
  const at = (index: number) => columns[index] ?? 0n;
  return {
    rx_bytes: at(0), rx_packets: at(1), rx_errors: at(2), rx_dropped: at(3),
    tx_bytes: at(8), tx_packets: at(9), tx_errors: at(10), tx_dropped: at(11),
  };
}
