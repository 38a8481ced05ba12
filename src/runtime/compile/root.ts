/**
 * The container's root file system: an overlay mount made on the host's side, where people and `inspect` can see it.
 */
import { dirname } from 'node:path';
import type { Operation } from '../plan/operations.ts';
import { MNT_DETACH, op } from './op.ts';

/**
 * A root that is mounted for the container (RootDescription of the storage driver), or a directory that is there
 * already.
 */
export type RootSource =
  | {
      readonly kind: 'overlay';
      readonly lowerDirs: readonly string[];
      readonly upperDir: string;
      readonly workDir: string;
      readonly mergedDir: string;
      /** Directory from which the layers have short relative paths; mount options are limited to one page. */
      readonly cwd: string;
      /** Further options, as `index=off`. */
      readonly options: readonly string[];
      /** Nothing is to be written: the upper directory is one more lower one. Unmounting it then writes nothing to the disk. */
      readonly readOnly?: boolean;
    }
  | {
      readonly kind: 'directory';
      readonly path: string;
      /** A tree whose files belong to ids as the container has them; at `path` it is shown through the container's user namespace. */
      readonly idmapped?: string;
      /** It has been mounted, and is to be unmounted at the end. */
      readonly mounted?: boolean;
    };

/** The host path of the root directory. */
export const rootPath = (root: RootSource): string => (root.kind === 'overlay' ? root.mergedDir : root.path);

/** Overlay parses `:` between lower directories and `,` between options; a backslash protects them. */
const escapeOption = (path: string, pattern: RegExp): string => path.replace(pattern, '\\$&');
const relative = (cwd: string, path: string): string =>
  path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : path;

function overlayData(root: Extract<RootSource, { kind: 'overlay' }>, writablePath: (path: string) => string): string {
  const lowerDirs = root.readOnly === true ? [root.upperDir, ...root.lowerDirs] : root.lowerDirs;
  const lower = lowerDirs.map((path) => escapeOption(relative(root.cwd, path), /[\\,:]/g)).join(':');
  if (root.readOnly === true) return [`lowerdir=${lower}`, ...root.options].join(',');
  const upper = escapeOption(writablePath(root.upperDir), /[\\,]/g);
  const work = escapeOption(writablePath(root.workDir), /[\\,]/g);
  return [`lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`, ...root.options].join(',');
}

/** Where the layers stand, shifted to the container's ids, while the overlay is being made of them. */
const shiftedDir = (mergedDir: string): string => `${dirname(mergedDir)}/idmapped`;

/**
 * Mounts the root. `userNamespaceSlot` names the user namespace whose ids the shared layers are presented through: on
 * disk they belong to ordinary ids, as images have them. One idmapped mount of the common directory serves all layers;
 * overlay keeps private copies of it, so it is gone again before the container starts.
 */
export function prepareRoot(root: RootSource, userNamespaceSlot: number | undefined, treeSlot: number): Operation[] {
  if (root.kind === 'directory') return root.idmapped === undefined || userNamespaceSlot === undefined ? [] : shiftTree(root.idmapped, root.path, userNamespaceSlot, treeSlot);
  const reason = "the image's layers and a writable one, seen as one tree";
  if (userNamespaceSlot === undefined) {
    const data = overlayData(root, (path) => relative(root.cwd, path));
    return [
      op('mount', reason, {
        cwd: root.cwd,
        source: 'overlay',
        target: root.mergedDir,
        type: 'overlay',
        flags: 0n,
        data,
      }),
    ];
  }
  const shifted = shiftedDir(root.mergedDir);
  return [
    op('openTree', "the layers, with their owners shifted to the container's ids", {
      slot: treeSlot,
      path: root.cwd,
      recursive: 0,
      idmap: userNamespaceSlot,
    }),
    op('mkdir', 'a place to mount the shifted layers for a moment', { path: shifted, mode: 0o700 }),
    op('attachTree', 'overlay takes its layers by path', { slot: treeSlot, target: shifted }),
    op('mount', reason, {
      cwd: shifted,
      source: 'overlay',
      target: root.mergedDir,
      type: 'overlay',
      flags: 0n,
      data: overlayData(root, (path) => path),
    }),
    op('unmount', 'overlay has its own copy of the shifted layers now', { path: shifted, flags: MNT_DETACH }),
  ];
}

const shiftTree = (tree: string, path: string, userNamespaceSlot: number, treeSlot: number): Operation[] => [
  op('openTree', "the container's tree, with its owners shifted to the container's ids", { slot: treeSlot, path: tree, recursive: 0, idmap: userNamespaceSlot }),
  op('mkdir', 'a place where it is seen like that', { path, mode: 0o700 }),
  op('attachTree', "the container's root", { slot: treeSlot, target: path }),
];

/** Undoes `prepareRoot`, also after it failed half way. */
export function releaseRoot(root: RootSource, shifted: boolean): Operation[] {
  if (root.kind === 'directory') {
    const unmount = op('unmount', 'nothing uses the root any more', { path: root.path, flags: MNT_DETACH });
    if (root.idmapped !== undefined && shifted) return [unmount, op('rmdir', 'no trace left', { path: root.path })];
    return root.mounted === true ? [unmount] : [];
  }
  const operations = [op('unmount', 'nothing uses the root any more', { path: root.mergedDir, flags: MNT_DETACH })];
  if (shifted) {
    const path = shiftedDir(root.mergedDir);
    operations.push(
      op('unmount', 'a launch may have failed half way', { path, flags: MNT_DETACH }),
      op('rmdir', 'no trace left', { path }),
    );
  }
  return operations;
}
