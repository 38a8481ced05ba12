/** Streams of progress records, whose failures are part of them. */
import type { Logger } from '../engine/logger.ts';
import type { ProgressRecord } from '../images/service.ts';
import { answerFor } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { ClientGone } from './http/http-error.ts';

export interface ProgressOptions {
  /** Before the first record, a failure is an answer with a status; otherwise it is in the stream, too. */
  readonly failuresAnswered: boolean;
  /** For the log. */
  readonly operation: string;
}

/** Sends records as they come; when the client leaves, or something fails, the generator is ended. */
export async function sendProgress(
  exchange: Exchange,
  source: AsyncIterable<ProgressRecord>,
  logger: Logger,
  { failuresAnswered, operation }: ProgressOptions,
): Promise<void> {
  const { response } = exchange;
  const records = source[Symbol.asyncIterator]();
  try {
    for (let next = await records.next(); next.done !== true; next = await records.next()) {
      if (!response.started) exchange.startJson();
      await exchange.progress(next.value);
    }
    if (!response.started) exchange.startJson();
  } catch (error) {
    await records.return?.().catch(() => undefined);
    if (error instanceof ClientGone || exchange.request.signal.aborted) throw new ClientGone();
    if (!response.started && failuresAnswered) throw error;
    const { message, expected } = answerFor(error);
    if (!expected) logger.error(operation, { error });
    if (!response.started) exchange.startJson();
    await exchange.progress({ errorDetail: { message }, error: message });
  }
}
