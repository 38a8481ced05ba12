/**
 * How long things may take before they count as hanging: far above what any takes. `CAISSON_TEST_SLOWNESS` says how many times slower
 * than a real machine this one is.
 */
const slowness = Number(process.env.CAISSON_TEST_SLOWNESS ?? '1');

/** Milliseconds for one command. */
export const COMMAND_PATIENCE = 60_000 * slowness;

/** Milliseconds for a test, and for what stands before or after tests, such as the start of an engine. */
export const TEST_PATIENCE = 90_000 * slowness;

/** Milliseconds for a file of tests. */
export const FILE_PATIENCE = 300_000 * slowness;
