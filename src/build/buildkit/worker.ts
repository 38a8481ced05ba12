/** This engine as one of BuildKit's workers. */
import type { Platform } from '../../images/platform.ts';
import { version } from '../../version.ts';

/** Of the daemon's life. */
const workerId = crypto.randomUUID();

export const builderVersion = { package: 'github.com/caisson/caisson', version: `v${version}`, revision: '' };

export const workerRecordOf = (host: Platform) => ({ id: workerId, platforms: [host], version: builderVersion });
