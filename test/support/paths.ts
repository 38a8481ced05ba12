/** Where things of this checkout stand, for tests and benchmarks. */
import path from 'node:path';

export const checkout = path.resolve(import.meta.dirname, '../..');
export const bun = path.join(checkout, 'scripts/bun');
/** The pinned static busybox: contents of the test image, and tools for use inside namespaces. */
export const busybox = path.join(checkout, 'node_modules/busybox-static/bin/busybox');
/** The public description of Docker's API, where a copy lies beside the checkout. */
export const apiSpecification = path.resolve(checkout, '../shared/specs/docker-engine-api-v1.51.yaml');
