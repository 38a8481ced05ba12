/** Ids of a container's user namespace and of the host (user_namespaces(7)). */
import type { OciIdMapping } from '../../runtime/oci.ts';

/** What the kernel shows for an id that has no counterpart. */
const overflowId = 65534;

/** The host's id for one inside; undefined when the container has no such id. */
export function hostId(mappings: readonly OciIdMapping[], id: number): number | undefined {
  for (const { containerID, hostID, size } of mappings)
    if (id >= containerID && id < containerID + size) return hostID + id - containerID;
  return undefined;
}

/** The id inside for one of the host's; 65534 when there is none. */
export function containerId(mappings: readonly OciIdMapping[], id: number): number {
  for (const { containerID, hostID, size } of mappings)
    if (id >= hostID && id < hostID + size) return containerID + id - hostID;
  return overflowId;
}
