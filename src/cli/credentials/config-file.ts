/** Credentials of registries in the client's own file, `config.json` as the docker command has it, so that a log-in of one serves the other. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { ExitError } from '../errors.ts';

/** What `X-Registry-Auth` carries. */
export interface StoredCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly serveraddress: string;
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Docker Hub's entry has the address of its first index. */
export const hubAddress = 'https://index.docker.io/v1/';

const directory = (): string => process.env['DOCKER_CONFIG'] || path.join(os.homedir(), '.docker');
const file = (): string => path.join(directory(), 'config.json');

/** The name under which a registry's credentials are kept: its host, or Docker Hub's address. */
export function storedName(server: string): string {
  const host = server.replace(/^https?:\/\//, '').split('/')[0]!;
  return ['', 'docker.io', 'index.docker.io', 'registry-1.docker.io'].includes(host) ? hubAddress : host;
}

/** The registry that an image's name begins with: a first part with a dot, a port, or `localhost`. */
function registryOfImage(image: string): string {
  const first = image.includes('/') ? image.slice(0, image.indexOf('/')) : '';
  return storedName(/[.:]/.test(first) || first === 'localhost' ? first : '');
}

/** Undefined when nobody has logged in there. */
export function storedCredentials(name: string): StoredCredentials | undefined {
  const entry = auths(read())[name];
  if (!isObject(entry)) return undefined;
  const text = (key: string) => (typeof entry[key] === 'string' ? entry[key] : '');
  const [username = '', ...rest] = Buffer.from(text('auth'), 'base64').toString('utf8').split(':');
  const identitytoken = text('identitytoken');
  if (identitytoken !== '') return { username, identitytoken, serveraddress: name };
  return username === '' ? undefined : { username, password: rest.join(':'), serveraddress: name };
}

/** The header for a request about an image. */
export function authHeader(image: string): Record<string, string> {
  const credentials = storedCredentials(registryOfImage(image)) ?? {};
  return { 'x-registry-auth': Buffer.from(JSON.stringify(credentials)).toString('base64').replaceAll('+', '-').replaceAll('/', '_') };
}

export function store({ username = '', password = '', identitytoken = '', serveraddress }: StoredCredentials): void {
  const config = read();
  const auth = Buffer.from(`${username}:${identitytoken === '' ? password : ''}`).toString('base64');
  write({ ...config, auths: { ...auths(config), [serveraddress]: { auth, ...(identitytoken === '' ? {} : { identitytoken }) } } });
}

/** False when there was nothing to forget. */
export function forget(name: string): boolean {
  const config = read();
  const { [name]: entry, ...others } = auths(config);
  if (entry === undefined) return false;
  write({ ...config, auths: others });
  return true;
}

const auths = (config: Json): Json => (isObject(config['auths']) ? config['auths'] : {});

function read(): Json {
  let text: string;
  try {
    text = fs.readFileSync(file(), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    const json: unknown = JSON.parse(text);
    if (isObject(json)) return json;
  } catch {
    // Said below.
  }
  throw new ExitError(1, `caisson: ${file()} is not a JSON object: repair it, or move it away`);
}

/** A new file in place of the old one, for its owner alone. */
function write(config: Json): void {
  fs.mkdirSync(directory(), { recursive: true, mode: 0o700 });
  const fresh = `${file()}.${process.pid}`;
  fs.writeFileSync(fresh, `${JSON.stringify(config, undefined, '\t')}\n`, { mode: 0o600, flag: 'wx' });
  fs.renameSync(fresh, file());
}
