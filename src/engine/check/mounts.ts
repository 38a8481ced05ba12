/** Mounts below the data root beside who should have them. */
import { readFileSync } from 'node:fs';
import type { Finding } from '../../finding.ts';
import { unmountIfMounted } from '../../linux/ffi/mounts.ts';
import { mountPoints } from '../../linux/mount-points.ts';
import type { EngineContext } from '../context.ts';
import { containerOfRoot } from '../image-mounts.ts';

export function mountFindings(context: EngineContext): Finding[] {
  const { dataRoot } = context.settings;
  return mountPoints(readFileSync('/proc/self/mountinfo', 'utf8'))
    .filter((path) => path.startsWith(`${dataRoot}/`) && isStale(context, path.slice(dataRoot.length + 1)))
    .map((path) => ({
      kind: 'mount', object: path, problem: 'Something is mounted there for a container that does not run.',
      reason: "The container's shim and the daemon were both killed, or somebody has mounted it.",
      remedy: 'It is unmounted; files are not touched.',
      // It may have been taken into use since.
      repair: async () => { if (isStale(context, path.slice(dataRoot.length + 1))) unmountIfMounted(path); },
    }));
}

/** Where containers' mounts are, below the data root; others are people's own. */
const ofContainer = /^(?:containers|overlay|fuse-overlayfs|vfs|btrfs\/roots)\/([^/]+)\/./;
const ofVolume = /^volumes\/([^/]+)\/_data$/;

function isStale({ registry, volumes, volumeMounts }: EngineContext, path: string): boolean {
  const [, root] = ofContainer.exec(path) ?? [];
  if (root !== undefined) {
    const id = containerOfRoot(root);
    const container = registry.find(id);
    return container === undefined ? !registry.isBeingMade(id) : container.shim === undefined && !container.isBusy;
  }
  const [, name] = ofVolume.exec(path) ?? [];
  return name !== undefined && volumes.find(name) !== undefined && !volumeMounts.isUsed(name);
}

