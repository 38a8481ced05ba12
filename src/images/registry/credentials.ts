/** Credentials as clients send them: `X-Registry-Auth`, `X-Registry-Config` and the body of `POST /auth`. */

/** Docker's registry.AuthConfig. Empty strings are absent. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** A refresh token, which stands for username and password. */
  readonly identityToken: string;
  /** A bearer token to be sent as it is. */
  readonly registryToken: string;
  readonly serverAddress: string;
}

export const anonymous: Credentials = { username: '', password: '', identityToken: '', registryToken: '', serverAddress: '' };

/** Bytes of a header that are read. */
const maxHeader = 64 * 1024;

/** `X-Registry-Auth`: base64url of JSON. What cannot be read is no credentials, as in Docker. */
export function decodeAuthHeader(header: string | undefined): Credentials {
  const json = decode(header);
  return json === undefined ? anonymous : credentialsOf(json);
}

/** `X-Registry-Config`: credentials by the registries' names. */
export function decodeConfigHeader(header: string | undefined): ReadonlyMap<string, Credentials> {
  const entries = Object.entries(decode(header) ?? {});
  return new Map(entries.map(([name, value]) => [name, credentialsOf(isObject(value) ? value : {})]));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Docker's AuthConfig from JSON; `auth` (base64 of `user:password`) fills what is not there. */
export function credentialsOf(json: Readonly<Record<string, unknown>>): Credentials {
  const fields = new Map(Object.entries(json).map(([name, value]) => [name.toLowerCase(), value]));
  const text = (name: string): string => {
    const value = fields.get(name);
    return typeof value === 'string' ? value : '';
  };
  const [user, ...rest] = Buffer.from(text('auth'), 'base64').toString('utf8').split(':');
  return {
    username: text('username') || (user ?? ''),
    password: text('password') || rest.join(':').replace(/\0+$/, ''),
    identityToken: text('identitytoken'),
    registryToken: text('registrytoken'),
    serverAddress: text('serveraddress'),
  };
}

function decode(header: string | undefined): Record<string, unknown> | undefined {
  if (header === undefined || header === '' || header.length > maxHeader) return undefined;
  try {
    const json: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    return isObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** `Authorization: Basic`. */
export function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
