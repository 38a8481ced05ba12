/**
 * How a layer says that something of a lower layer is gone. In an archive: an empty file `.wh.NAME`, or `.wh..wh..opq`
 * in a directory that hides everything below it (OCI image-spec, layer.md "Whiteouts"). On disk: a character device
 * 0:0, or the xattr trusted.overlay.opaque=y on the directory (Linux, filesystems/overlayfs.rst).
 */
import { invalidParameter } from '../errors.ts';

export const whiteoutPrefix = '.wh.';
export const opaqueName = '.wh..wh..opq';
/** AUFS kept its own files under such names; they mean nothing here. */
const metadataPrefix = '.wh..wh.';
export const opaqueXattr = 'trusted.overlay.opaque';

export type Whiteout =
  { readonly kind: 'opaque' } | { readonly kind: 'removal'; readonly name: string } | { readonly kind: 'ignored' };

/** What the entry `directory/name` of a layer's archive means as a whiteout; undefined when it is none. */
export function whiteoutOf(directory: readonly string[], name: string): Whiteout | undefined {
  if (directory.some((component) => component.startsWith(metadataPrefix))) return { kind: 'ignored' };
  if (!name.startsWith(whiteoutPrefix)) return undefined;
  if (name === opaqueName) return { kind: 'opaque' };
  if (name.startsWith(metadataPrefix)) return { kind: 'ignored' };
  const hidden = name.slice(whiteoutPrefix.length);
  if (hidden === '' || hidden === '.' || hidden === '..')
    throw invalidParameter(`invalid tar: whiteout "${name}" names nothing that can be removed`);
  return { kind: 'removal', name: hidden };
}
