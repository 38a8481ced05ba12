/** This engine as one of BuildKit's workers. */
import type { Platform } from '../../images/platform.ts';
import { version } from '../../version.ts';

/** Of the daemon's life. */
const workerId = crypto.randomUUID();

export const builderVersion = { package: 'github.com/caisson/caisson', version: `v${version}`, revision: '' };

/** Clients look for a snapshotter among the labels, and take what has one for containerd's image store: that is not here. */
export const workerRecordOf = (host: Platform) => ({ id: workerId, platforms: [host], version: builderVersion });
