/** This engine as one of BuildKit's workers. */
import type { Platform } from '../../images/platform.ts';
import { version } from '../../version.ts';

/** Of the daemon's life. */
const workerId = crypto.randomUUID();

export const builderVersion = { package: 'github.com/caisson/caisson', version: `v${version}`, revision: '' };

/**
 * Of Docker's own engines buildx takes those that have a snapshotter for able to export archives; it refuses to ask the others. There is
 * none here, but the archives are.
 */
const labels = new Map([['org.mobyproject.buildkit.worker.snapshotter', 'caisson']]);

export const workerRecordOf = (host: Platform) => ({ id: workerId, labels, platforms: [host], version: builderVersion });
