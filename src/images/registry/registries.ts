/** All registries: finds the endpoints of a repository, and asks one after the other. */
import { CaissonError, invalidParameter } from '../../errors.ts';
import { defaultDomain } from '../reference.ts';
import { anonymous, type Credentials } from './credentials.ts';
import { type Endpoint, endpointsFor, type RegistrySettings } from './endpoints.ts';
import { Repository } from './repository.ts';
import { search, type SearchRequest, type SearchResult } from './search.ts';
import { Transport, TransportError } from './transport.ts';

export interface Access {
  /** Full name of the repository: `docker.io/library/busybox`. */
  readonly name: string;
  readonly purpose: 'pull' | 'push';
  readonly credentials: Credentials;
  readonly signal: AbortSignal;
  /** A tag's digest is to be found: some mirrors are not to be asked for that. */
  readonly byTag?: boolean;
}

export class Registries {
  readonly settings: RegistrySettings;
  readonly transport: Transport;

  constructor(settings: RegistrySettings, transport = new Transport(settings.proxies)) {
    this.settings = settings;
    this.transport = transport;
  }

  /**
   * Does `work` with the first endpoint that can. A mirror's failure, whatever it is, leads on to the next; a registry's own does
   * so only when it could not be spoken to at all. Throws the error of the last that was asked.
   */
  async with<Result>({ name, purpose, credentials, signal, byTag = false }: Access, work: (repository: Repository) => Promise<Result>): Promise<Result> {
    const [domain, path] = splitName(name);
    const endpoints = await endpointsFor(this.settings, domain, purpose);
    let failure: unknown;
    for (const endpoint of endpoints.filter(({ resolves }) => resolves || !byTag)) {
      const repository = this.repository(endpoint, path, purpose, credentials);
      let spoken = false;
      try {
        await repository.ping(signal);
        spoken = true;
        return await work(repository);
      } catch (error) {
        if (signal.aborted || !leadsOn(endpoint, error, spoken)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** `POST /auth`. Answers the identity token, empty for none. */
  async login(credentials: Credentials, signal: AbortSignal): Promise<string> {
    const endpoints = await endpointsFor(this.settings, registryOf(credentials.serverAddress), 'push');
    let failure: unknown;
    for (const endpoint of endpoints.filter(({ mirror }) => !mirror)) {
      try {
        return await this.repository(endpoint, '', 'push', credentials).login(signal);
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  search(request: SearchRequest): Promise<SearchResult[]> {
    return search(this.settings, this.transport, request);
  }

  /** A mirror is not shown what was meant for the registry. */
  repository(endpoint: Endpoint, path: string, purpose: 'pull' | 'push', credentials: Credentials): Repository {
    const actions = purpose === 'push' ? 'pull,push' : 'pull';
    return new Repository(this.transport, endpoint, path, actions, endpoint.mirror ? anonymous : credentials);
  }
}

function leadsOn(endpoint: Endpoint, error: unknown, spoken: boolean): boolean {
  if (endpoint.mirror) return error instanceof CaissonError;
  return !spoken && error instanceof TransportError;
}

/** `https://index.docker.io/v1/`, as clients write a registry's address, → its host. Throws invalid-parameter for what is none. */
export function registryOf(address: string): string {
  const host = address.replace(/^https?:\/\//, '').split('/')[0]!;
  if (host === '' || host === 'index.docker.io') return defaultDomain;
  if (!/^(?:[a-zA-Z0-9][a-zA-Z0-9.-]*|\[[0-9a-fA-F:]+\])(?::\d+)?$/.test(host)) throw invalidParameter(`invalid registry address ${JSON.stringify(address)}`);
  return host;
}

/** `docker.io/library/busybox` → `docker.io` and `library/busybox`. */
export function splitName(name: string): [domain: string, path: string] {
  const slash = name.indexOf('/');
  return slash === -1 ? [defaultDomain, name] : [name.slice(0, slash), name.slice(slash + 1)];
}
