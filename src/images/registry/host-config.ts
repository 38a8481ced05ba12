/**
 * What an administrator has put down about a registry's host, in the directory `<certs>/<host[:port]>`:
 *
 *     *.crt                  authorities that may sign its certificate
 *     NAME.cert, NAME.key    our own certificate for it
 *     hosts.toml             other hosts to ask first (containerd, docs/hosts.md)
 *
 * `_default/hosts.toml` is for registries without one. Read for every pull and push: a change needs no restart.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { CaissonError, invalidParameter } from '../../errors.ts';
import type { TlsSettings } from './transport.ts';

/** A host named in hosts.toml. */
export interface Mirror {
  /** Base of its API, `/v2` included; without a slash at the end. */
  readonly url: URL;
  readonly pull: boolean;
  readonly resolve: boolean;
  readonly push: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsSettings;
}

export interface HostsFile {
  /** Instead of the registry itself, when none of the mirrors has it. */
  readonly server: Mirror | undefined;
  readonly mirrors: readonly Mirror[];
}

/** The directory of a host; containerd has a second form for those with a port. */
function directoriesOf(root: string, host: string): string[] {
  const [name, port] = /^(.*):(\d+)$/.exec(host)?.slice(1) ?? [host];
  return port === undefined ? [join(root, host)] : [join(root, host), join(root, `${name}_${port}_`)];
}

/** TLS with a host. Throws invalid-parameter, in Docker's words, for a certificate without a key or the other way round. */
export function tlsOf(root: string, host: string, insecure: boolean): TlsSettings {
  const directory = join(root, host);
  const names = list(directory);
  const authorities = names.filter((name) => name.endsWith('.crt')).map((name) => readFileSync(join(directory, name), 'utf8'));
  for (const name of names) {
    const [stem, kind] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.'))];
    if (kind === '.cert' && !names.includes(`${stem}.key`)) {
      throw invalidParameter(`missing key ${stem}.key for client certificate ${name}. CA certificates must use the extension .crt`);
    }
    if (kind === '.key' && !names.includes(`${stem}.cert`)) {
      throw invalidParameter(`missing client certificate ${stem}.cert for key ${name}`);
    }
  }
  const own = names.find((name) => name.endsWith('.cert'));
  if (own === undefined) return { authorities, insecure };
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  return { authorities, insecure, certificate: { chain: read(own), key: read(own.replace(/\.cert$/, '.key')) } };
}

/** What hosts.toml says about a registry; undefined when there is none. Throws invalid-parameter for one that cannot be read. */
export function hostsFileOf(root: string, host: string): HostsFile | undefined {
  for (const directory of [...directoriesOf(root, host), join(root, '_default')]) {
    const text = readIfThere(join(directory, 'hosts.toml'));
    if (text === undefined) continue;
    try {
      return parseHostsFile(text, directory);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw invalidParameter(`${join(directory, 'hosts.toml')}: ${why}`, { cause: error });
    }
  }
  return undefined;
}

/** `directory` is where relative paths in it begin. */
export function parseHostsFile(text: string, directory: string): HostsFile {
  const { server, host, ...root } = parse(text);
  const hosts = isTable(host) ? Object.entries(host) : [];
  return {
    server: typeof server === 'string' ? mirrorOf(server, root, directory) : undefined,
    mirrors: hosts.map(([url, table]) => mirrorOf(url, isTable(table) ? table : {}, directory)),
  };
}

type Table = Readonly<Record<string, unknown>>;
const isTable = (value: unknown): value is Table => typeof value === 'object' && value !== null && !Array.isArray(value);
const texts = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((item): item is string => typeof item === 'string');

function mirrorOf(text: string, table: Table, directory: string): Mirror {
  const full = text.includes('://') ? text : `https://${text}`;
  if (!/^https?:\/\//.test(full) || !URL.canParse(full)) throw invalidParameter(`invalid host ${JSON.stringify(text)}`);
  const url = new URL(full);
  const path = url.pathname.replace(/\/$/, '');
  url.pathname = table['override_path'] === true || path.endsWith('/v2') ? path : `${path}/v2`;
  const capabilities = table['capabilities'] === undefined ? ['pull', 'resolve', 'push'] : texts(table['capabilities']);
  const unknown = capabilities.find((name) => !['pull', 'resolve', 'push'].includes(name));
  if (unknown !== undefined) throw invalidParameter(`unknown capability ${JSON.stringify(unknown)}`);
  return {
    url,
    pull: capabilities.includes('pull'),
    resolve: capabilities.includes('resolve'),
    push: capabilities.includes('push'),
    headers: headersOf(table['header']),
    tls: mirrorTls(table, directory),
  };
}

function headersOf(value: unknown): Record<string, string> {
  if (!isTable(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, content]) => [name, texts(content).join(', ')]));
}

function mirrorTls(table: Table, directory: string): TlsSettings {
  const read = (name: string) => readFileSync(name.startsWith('/') ? name : join(directory, name), 'utf8');
  const insecure = table['skip_verify'] === true;
  const authorities = texts(table['ca']).map(read);
  const client = table['client'];
  // "file", ["certificate-and-key", …], or [["certificate", "key"], …]; the first is taken.
  const first = Array.isArray(client) ? (client as readonly unknown[])[0] : client;
  const [chain, key = chain] = texts(first);
  if (chain === undefined || key === undefined) return { authorities, insecure };
  return { authorities, insecure, certificate: { chain: read(chain), key: read(key) } };
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const isMissing = (error: unknown) =>
  !(error instanceof CaissonError) && error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
