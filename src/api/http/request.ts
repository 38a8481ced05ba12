import type { RequestHead } from './head.ts';
import type { RequestBody } from './request-body.ts';

/** One request, its head parsed, its body still arriving. */
export class HttpRequest {
  readonly head: RequestHead;
  readonly body: RequestBody;
  #controller: AbortController | undefined;
  #aborted = false;

  constructor(head: RequestHead, body: RequestBody) {
    this.head = head;
    this.body = body;
  }

  get method(): string {
    return this.head.method;
  }

  /** A header field by its lower-case name. */
  header(name: string): string | undefined {
    return this.head.headers.get(name);
  }

  /** True when no body follows, whatever the client says about its type (Go's `ContentLength == 0`). */
  get bodyless(): boolean {
    return this.head.framing.kind === 'none';
  }

  /** Aborted when the client closes its side before the answer is complete, as net/http cancels a request's context. */
  get signal(): AbortSignal {
    // Made on demand: most requests are answered before anyone could lose interest.
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** For the connection: the client has gone. */
  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }
}
