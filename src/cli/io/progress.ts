/** What the engine reports while it loads, imports or fetches an image. */
import { EngineError } from '../errors.ts';
import { humanSize } from '../format/quantity.ts';
import { isTerminal, print } from './output.ts';
import { jsonLines } from './json-lines.ts';

export interface ProgressMessage {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number } | null;
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

/**
 * Shows messages on a descriptor (none: only waits for the end) and returns the last status without an id. Throws EngineError for
 * a message that carries an error. On a terminal, lines that belong to one layer are redrawn in place.
 */
export async function showProgress(body: AsyncIterable<Uint8Array>, descriptor: number | undefined): Promise<string> {
  const screen = descriptor !== undefined && isTerminal(descriptor) ? new Screen(descriptor) : undefined;
  let last = '';
  for await (const message of jsonLines<ProgressMessage>(body)) {
    const error = message.errorDetail?.message ?? message.error;
    if (error !== undefined) throw new EngineError(0, error);
    if (message.id === undefined) last = message.status ?? last;
    if (descriptor === undefined) continue;
    if (message.stream !== undefined) print(message.stream, descriptor);
    else if (message.id !== undefined && screen !== undefined) screen.update(message.id, describe(message));
    // Without a terminal, the steps of a layer are shown but not each of its bytes.
    else if (!message.progressDetail?.current) print(`${describe(message)}\n`, descriptor);
  }
  return last;
}

function describe({ id, status = '', progressDetail }: ProgressMessage): string {
  const head = id === undefined ? status : `${id}: ${status}`;
  const { current = 0, total = 0 } = progressDetail ?? {};
  if (current === 0) return head;
  return total > 0 ? `${head} ${humanSize(current)}/${humanSize(total)}` : `${head} ${humanSize(current)}`;
}

/** One line per layer, moved to with cursor sequences. */
class Screen {
  readonly #descriptor: number;
  readonly #lines = new Map<string, number>();

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  update(id: string, text: string): void {
    const line = this.#lines.get(id);
    if (line === undefined) {
      this.#lines.set(id, this.#lines.size);
      print(`${text}\n`, this.#descriptor);
      return;
    }
    const up = this.#lines.size - line;
    print(`\x1b[${up}A\r\x1b[2K${text}\x1b[${up}B\r`, this.#descriptor);
  }
}
