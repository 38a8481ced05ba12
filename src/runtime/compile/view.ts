/**
 * A container's root as the engine sees it to copy files: the layers, and what is bound over them, in a mount namespace
 * of a helper's own. Nothing that the container has mounted itself is part of it, nor what shows the kernel's objects.
 */
import { mountFlag } from '../../linux/mount-flags.ts';
import type { OciIdMapping, OciMount } from '../oci.ts';
import type { Operation } from '../plan/operations.ts';
import { compileMounts, Slots } from './mounts.ts';
import { idMapLines, namespaceFlag } from './namespaces.ts';
import { op } from './op.ts';
import { prepareRoot, rootPath, type RootSource } from './root.ts';

/** What the helper does to become a view. */
export interface ViewPlan {
  readonly prepare: readonly Operation[];
  readonly init: readonly Operation[];
}

export interface CompileViewInput {
  readonly root: RootSource;
  /** Of the container's user namespace, when it has one: its layers are shown with these ids. */
  readonly mappings: { readonly uidMappings: readonly OciIdMapping[]; readonly gidMappings: readonly OciIdMapping[] } | null;
  /** Roots beside it, from which something is bound. */
  readonly images: readonly RootSource[];
  /** The container runs: its roots are mounted already. */
  readonly mounted: boolean;
  /** What binds need to be mounted first, in the view's own mount namespace. */
  readonly volumes?: readonly Operation[];
  /** Binds only. */
  readonly mounts: readonly OciMount[];
}

/** Fails at `pivotRoot` with EINVAL when the root was to be mounted already and is not. */
export function compileView({ root, images, mappings, mounted, volumes = [], mounts }: CompileViewInput): ViewPlan {
  const slots = new Slots();
  // A tree is seen as it is on disk: nobody could make a file in one that is shown with other ids.
  const userNamespaceSlot = mappings !== null && !mounted && root.kind === 'overlay' ? slots.take() : undefined;
  const layersSlot = userNamespaceSlot === undefined ? -1 : slots.take();
  const compiled = compileMounts(mounts, {
    userNamespaceSlot: undefined,
    slots,
    scratch: rootPath(root),
    mountedByShim: new Set(),
    cgroupMounts: () => [],
  });
  return {
    prepare:
      userNamespaceSlot === undefined || mappings === null
        ? []
        : [
            op('makeUserNamespace', 'the ids that the layers are shown with', {
              slot: userNamespaceSlot,
              uidMap: idMapLines(mappings.uidMappings),
              gidMap: idMapLines(mappings.gidMappings),
            }),
          ],
    init: [
      op('unshare', 'mounts that nobody else sees, and that end with the helper', { flags: namespaceFlag('mount') }),
      op('setPropagation', "nothing mounted here reaches the host's tree", {
        path: '/',
        propagation: BigInt(mountFlag.MS_SLAVE | mountFlag.MS_REC),
        recursive: 1,
      }),
      ...volumes,
      ...(mounted ? [] : [root, ...images].flatMap((each) => prepareRoot(each, userNamespaceSlot, layersSlot))),
      op('openRoot', 'everything below happens inside it', { path: rootPath(root), bind: root.kind === 'directory' ? 1 : 0 }),
      ...compiled.prepare,
      ...compiled.init,
      op('pivotRoot', "the host's tree is gone", {}),
    ],
  };
}
