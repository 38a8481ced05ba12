/** Image configurations: JSON bytes whose digest is the image's id (OCI image-spec, config.md). */
import { type CaissonError, invalidParameter } from '../errors.ts';
import { chainIdOf, type Digest, isDigest } from '../storage/digest.ts';
import type { Platform } from './platform.ts';
import type { ImageConfigJson } from './service.ts';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Parses JSON that came from outside. Throws invalid-parameter that says what it was. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidParameter(`${what} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** Parses and checks a configuration as far as anything here relies on it. Throws invalid-parameter. */
export function parseConfig(bytes: Uint8Array): ImageConfigJson {
  const json = parseJson(bytes, 'the image configuration');
  if (!isObject(json)) throw invalid('it is not an object');
  const { rootfs, config, history } = json;
  if (!isObject(rootfs)) throw invalidParameter('invalid image JSON, no RootFS key');
  const diffIds = rootfs.diff_ids ?? [];
  if (!Array.isArray(diffIds) || !diffIds.every(isDigest))
    throw invalid('rootfs.diff_ids is not a list of sha256 digests');
  for (const key of ['architecture', 'os', 'variant', 'created', 'author', 'comment', 'docker_version']) {
    if (json[key] !== undefined && json[key] !== null && typeof json[key] !== 'string')
      throw invalid(`${key} is not a string`);
  }
  if (config !== undefined && config !== null && !isObject(config)) throw invalid('config is not an object');
  if (history !== undefined && history !== null && !(Array.isArray(history) && history.every(isObject)))
    throw invalid('history is not a list');
  checkRunConfig(config ?? {});
  // Go writes null where a field is not set.
  const set = Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null));
  return {
    ...set,
    architecture: text(json.architecture),
    os: text(json.os) || 'linux',
    rootfs: { type: text(rootfs.type) || 'layers', diff_ids: diffIds },
  };
}

/** The fields that start a container: whatever reads them later may trust their types. */
function checkRunConfig(config: object): void {
  for (const [key, value] of Object.entries(config)) {
    if (value === null || value === undefined) continue;
    if (['Cmd', 'Entrypoint', 'Env', 'OnBuild', 'Shell'].includes(key) && !isStrings(value))
      throw invalid(`config.${key} is not a list of strings`);
    if (['User', 'WorkingDir', 'StopSignal', 'Hostname', 'Domainname'].includes(key) && typeof value !== 'string')
      throw invalid(`config.${key} is not a string`);
    if (['Labels', 'Volumes', 'ExposedPorts', 'Healthcheck'].includes(key) && !isObject(value))
      throw invalid(`config.${key} is not an object`);
  }
}

const isStrings = (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === 'string');

const text = (value: unknown) => (typeof value === 'string' ? value : '');

function invalid(why: string): CaissonError {
  return invalidParameter(`invalid image JSON: ${why}`);
}

/** The chain ids of an image's layers, lowest first. */
export function chainIds(diffIds: readonly string[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) chain.push(chainIdOf(chain.at(-1) ?? null, diffId as Digest));
  return chain;
}

/** What an image was made for. */
export function platformOf({ os, architecture, variant }: ImageConfigJson): Platform {
  return { os, architecture, variant: variant ?? '' };
}

/** This machine's platform in OCI's words (Go's GOARCH). */
export function hostArchitecture(): string {
  const names: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', ia32: '386' };
  return names[process.arch] ?? process.arch;
}

/** This machine's, without a variant. */
export function hostPlatform(): Platform {
  return { os: 'linux', architecture: hostArchitecture(), variant: '' };
}
