/** What every command works with: the connection to the engine. */
import { EngineError, ExitError } from './errors.ts';
import { type Address, HttpClient } from './http/client.ts';

/** Where the engine listens unless `--host` or CAISSON_HOST says otherwise. */
export const DEFAULT_HOST = 'unix:///run/caisson/caisson.sock';

export class Context {
  readonly host: string;
  readonly client: HttpClient;
  #connected = false;

  constructor(host: string) {
    this.host = host;
    this.client = new HttpClient(parseHost(host));
  }

  /**
   * Makes sure that an engine answers, and starts one in the background when none listens at the default place. Returns the
   * client. Throws ExitError with one sentence about what to do.
   */
  async engine(): Promise<HttpClient> {
    if (this.#connected) return this.client;
    try {
      await this.client.connect();
    } catch (error) {
      await this.#recover(error as NodeJS.ErrnoException);
    }
    this.#connected = true;
    return this.client;
  }

  async #recover(error: NodeJS.ErrnoException): Promise<void> {
    if (error.code === 'EACCES' || error.code === 'EPERM') {
      throw new ExitError(1, `caisson: permission denied while trying to connect to the engine at ${this.host}. Try it as root.`);
    }
    if (this.host !== DEFAULT_HOST) {
      throw new ExitError(1, `caisson: Cannot connect to the Caisson daemon at ${this.host}. Is it running? ` +
        `Start it with: caisson daemon --host ${this.host}`);
    }
    const { socketAppears, startDaemon } = await import('./start-daemon.ts');
    try {
      await startDaemon();
      await this.client.connect();
    } catch (failure) {
      // Two commands may start an engine at once: the one that comes too late uses the other's.
      const late = failure instanceof ExitError && failure.message.includes('another daemon');
      if (!late || !(await socketAppears(this.client))) throw failure;
    }
  }
}

/** `unix:///path` or `tcp://host:port`. */
export function parseHost(host: string): Address {
  const unix = /^unix:\/\/(\/.+)$/.exec(host);
  if (unix !== null) return { path: unix[1] as string };
  const tcp = /^tcp:\/\/(\[[^\]]+\]|[^:/]+):(\d+)\/?$/.exec(host);
  if (tcp !== null) return { host: (tcp[1] as string).replace(/^\[|\]$/g, ''), port: Number(tcp[2]) };
  throw new ExitError(1, `caisson: unable to parse host ${JSON.stringify(host)}: it is unix:///PATH or tcp://HOST:PORT`);
}

/** The sentence an error is reported with. */
export function describeError(error: unknown): string {
  if (error instanceof EngineError) return error.display;
  return error instanceof Error ? error.message : String(error);
}
