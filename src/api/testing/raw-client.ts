/** Raw bytes to a unix socket and back, for tests: what HTTP libraries would tidy up arrives as written. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

export class RawClient {
  readonly socket: Socket;
  #received = '';
  #ended = false;
  #changed: (() => void) | undefined;

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true });
    this.socket.on('data', (data) => this.#change(data.toString('latin1'), false));
    this.socket.on('end', () => this.#change('', true));
    this.socket.on('close', () => this.#change('', true));
    this.socket.on('error', () => undefined);
  }

  write(data: string | Uint8Array): this {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
    return this;
  }

  /** Ends our side only. */
  end(): this {
    this.socket.end();
    return this;
  }

  /** Everything up to and including `marker`, which is then forgotten. */
  async until(marker: string): Promise<string> {
    for (;;) {
      const at = this.#received.indexOf(marker);
      if (at !== -1) {
        const text = this.#received.slice(0, at + marker.length);
        this.#received = this.#received.slice(at + marker.length);
        return text;
      }
      if (this.#ended) {
        throw new Error(`connection ended before ${JSON.stringify(marker)}: ${JSON.stringify(this.#received)}`);
      }
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }

  /** Everything up to the end of the server's side. */
  async rest(): Promise<string> {
    while (!this.#ended) await new Promise<void>((resolve) => (this.#changed = resolve));
    return this.#received;
  }

  #change(text: string, ended: boolean): void {
    this.#received += text;
    this.#ended ||= ended;
    const changed = this.#changed;
    this.#changed = undefined;
    changed?.();
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** One request on a connection of its own; `body` goes out with a Content-Length. */
export async function ask(
  path: string, method: string, target: string, body?: string, headers: Record<string, string> = {},
): Promise<Answer> {
  const client = new RawClient(path);
  const framing = { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body ?? '')) };
  const fields = { Host: 'd', Connection: 'close', ...(body === undefined ? {} : framing), ...headers };
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  client.write(Buffer.from(`${method} ${target} HTTP/1.1\r\n${head}\r\n${body ?? ''}`));
  const answer = parseAnswer(Buffer.from(await client.rest(), 'latin1').toString());
  client.socket.destroy();
  return answer;
}

export function parseAnswer(text: string): Answer {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...fields] = text.slice(0, end).split('\r\n');
  const headers = new Map(fields.map((field): [string, string] => {
    const colon = field.indexOf(':');
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
  }));
  const body = text.slice(end + 4);
  const chunked = headers.get('transfer-encoding') === 'chunked';
  return { status: Number(statusLine.split(' ')[1]), headers, body: chunked ? unchunk(body) : body };
}

function unchunk(text: string): string {
  let body = '';
  let rest = Buffer.from(text);
  for (;;) {
    const line = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.toString('latin1', 0, line), 16);
    if (line === -1 || Number.isNaN(size)) throw new Error(`a chunked body is cut short: ${JSON.stringify(text)}`);
    if (size === 0) return body;
    body += rest.toString('utf8', line + 2, line + 2 + size);
    rest = rest.subarray(line + 2 + size + 2);
  }
}
