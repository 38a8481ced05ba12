/** Notices that somebody has changed the packet filter: a flush, a firewall that was loaded anew. */
import type { PacketFilter } from './packet-filter.ts';

/** Milliseconds: clients try a lost connection again after a second, and then after two. */
const interval = 2000;

/**
 * Asks for the ruleset's generation every two seconds (some microseconds each), and calls `repair`, which calls `ensure`, when it is
 * not that of the last `ensure`. For as long as containers are on networks, and no longer. Returns what ends it.
 */
export function watchFilter(filter: PacketFilter, repair: () => void): () => void {
  const timer = setInterval(() => {
    if (filter.hasChanged()) repair();
  }, interval);
  // It keeps no daemon alive that is about to end.
  timer.unref();
  return () => clearInterval(timer);
}
