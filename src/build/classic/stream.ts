/** The classic builder's stream, as dockerd 28 words it; scripts and SDKs read it. */
import type { ProgressRecord } from '../../images/service.ts';
import { shortId } from '../frontend/step.ts';
import { RunError } from '../solver/run-error.ts';

export const line = (text: string): ProgressRecord => ({ stream: text });

/** What goes to the error output is red. */
export const errorLine = (text: string): ProgressRecord => ({ stream: `\u001b[91m${text}\u001b[0m` });

export const stepLines = (number: number, total: number, text: string): ProgressRecord[] => [line(`Step ${number}/${total} : ${text}`), line('\n')];
export const usingCache = line(' ---> Using cache\n');
export const runningIn = (container: string): ProgressRecord => line(` ---> Running in ${shortId(container)}\n`);
export const removedContainer = (container: string): ProgressRecord => line(` ---> Removed intermediate container ${shortId(container)}\n`);
export const stepResult = (image: string): ProgressRecord => line(` ---> ${shortId(image)}\n`);
export const triggers = (count: number): ProgressRecord[] => [line(`# Executing ${count} build trigger${count === 1 ? '' : 's'}`), line('\n')];
export const stageResult = (image: string): ProgressRecord => ({ aux: { ID: image } });
export const notConsumed = (names: readonly string[]): ProgressRecord => line(`[Warning] One or more build-args [${names.join(' ')}] were not consumed\n`);
export const built = (image: string): ProgressRecord => line(`Successfully built ${shortId(image)}\n`);
export const tagged = (reference: string): ProgressRecord => line(`Successfully tagged ${reference}\n`);

/** The last record of a build that has failed. */
export function failure(error: unknown): ProgressRecord {
  const message = error instanceof Error ? error.message : String(error);
  return { errorDetail: { ...(error instanceof RunError ? { code: error.exitCode } : {}), message }, error: message };
}
