/** How fast a container's interfaces are, each way: `HostConfig.NetworkRate`, an extension. cgroups do not limit networks. */
import { type Shape } from '../linux/netlink/shaping.ts';

/** Bytes per second: below, a packet would wait for longer than anybody does. */
export const leastNetworkRate = 1024;
/** Bytes: the largest packet that an interface is given whole (GSO). */
const largestPacket = 65_536;

/** A hundredth of a second's worth may go at once, and a fifth of a second's may wait. */
export function shapeFor(rate: number): Shape {
  const burst = Math.max(largestPacket, Math.ceil(rate / 100));
  return { rate, burst, limit: burst + Math.ceil(rate / 5) };
}
