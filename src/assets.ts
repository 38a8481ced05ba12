/**
 * Files the executable carries: the helper and the first image's busybox. Compiled, they are inside it; from a source tree they
 * are where the build and npm put them. Embedded files can be read, but not executed, opened or copied (docs of `bun build`).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Asset = 'caisson-shim' | 'busybox';

/** Where each asset is below the root of the source tree. */
const SOURCES: Readonly<Record<Asset, string>> = {
  'caisson-shim': 'native/build/caisson-shim',
  busybox: 'node_modules/busybox-static/bin/busybox',
};

/** The bytes of an asset. Throws when a source tree has not been built. */
export function readAsset(name: Asset): Uint8Array {
  const embedded = import.meta.url.includes('/$bunfs/');
  return readFileSync(embedded ? join('/$bunfs/root', name) : join(import.meta.dirname, '..', SOURCES[name]));
}
