/** A request that is not HTTP as RFC 9112 has it. Answered with `status`, after which the connection is closed. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
  }
}

/** The client has gone: nothing is left to answer, and nothing went wrong here. */
export class ClientGone extends Error {
  constructor() {
    super('the client closed the connection');
    this.name = 'ClientGone';
  }
}
