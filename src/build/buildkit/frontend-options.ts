/** What buildx asks the Dockerfile frontend for, as options of our own: `build-arg:A`, `target`, `add-hosts` … */
import { invalidParameter } from '../../errors.ts';
import { parsePlatform, type Platform } from '../../images/platform.ts';
import type { FrontendOptions } from '../frontend/options.ts';

export interface DockerfileRequest {
  /** As they came. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly options: FrontendOptions;
  /** What the client knows the directories of the Dockerfile and of the context as. */
  readonly dockerfileName: string;
  readonly contextName: string;
  /** Path in the directory of the Dockerfile. */
  readonly filename: string;
  /** Where the context is that does not come from a directory of the client's; empty for one that does. */
  readonly remoteContext: string;
  /** `all`, or the names of the stages that nothing known counts for. */
  readonly noCache: 'all' | readonly string[];
  /** Base images are asked for at their registries. */
  readonly pull: boolean;
  /** What is wanted instead of a build: `frontend.outline`, …; empty for a build. */
  readonly request: string;
}

type Attributes = ReadonlyMap<string, string>;

/** Throws invalid-parameter in BuildKit's words. */
export function dockerfileRequest(attributes: Attributes, host: Platform): DockerfileRequest {
  return {
    attributes,
    options: {
      buildArgs: withPrefix(attributes, 'build-arg:'),
      labels: withPrefix(attributes, 'label:'),
      target: attributes.get('target') ?? '',
      platform: platformOf(attributes.get('platform') ?? '', host),
      network: networkOf(attributes.get('force-network-mode') ?? ''),
      runSettings: { hostConfig: hostConfig(attributes) },
    },
    dockerfileName: attributes.get('dockerfilekey') || 'dockerfile',
    contextName: attributes.get('contextkey') || 'context',
    remoteContext: attributes.get('context') ?? '',
    filename: attributes.get('filename') || 'Dockerfile',
    noCache: noCacheOf(attributes.get('no-cache')),
    pull: attributes.get('image-resolve-mode') === 'pull',
    request: attributes.get('requestid') ?? '',
  };
}

const withPrefix = (attributes: Attributes, prefix: string): Record<string, string> =>
  Object.fromEntries([...attributes].flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])));

function platformOf(text: string, host: Platform): Platform | undefined {
  if (text === '') return undefined;
  if (text.includes(',')) {
    throw invalidParameter('multiple platforms are not supported: build each of them by itself', { object: text });
  }
  return parsePlatform(text, host);
}

function networkOf(mode: string): string {
  if (!['', 'default', 'none', 'host', 'sandbox'].includes(mode)) throw invalidParameter(`network mode ${JSON.stringify(mode)} not supported by buildkit`, { object: mode });
  return mode === 'default' || mode === 'sandbox' ? '' : mode;
}

function noCacheOf(value: string | undefined): DockerfileRequest['noCache'] {
  if (value === undefined) return [];
  return value === '' ? 'all' : value.split(',').map((name) => name.trim().toLowerCase());
}

/** Limits of the containers that run the steps. */
function hostConfig(attributes: Attributes): Record<string, unknown> {
  const hosts = list(attributes.get('add-hosts')).map((entry) => entry.replace('=', ':'));
  const ulimits = list(attributes.get('ulimit')).map(ulimitOf);
  const shmSize = Number(attributes.get('shm-size') ?? 0);
  const parent = attributes.get('cgroup-parent') ?? '';
  return {
    ...(hosts.length === 0 ? {} : { ExtraHosts: hosts }),
    ...(ulimits.length === 0 ? {} : { Ulimits: ulimits }),
    ...(shmSize > 0 ? { ShmSize: shmSize } : {}),
    ...(parent === '' ? {} : { CgroupParent: parent }),
  };
}

const list = (value = ''): string[] => value.split(',').filter((entry) => entry !== '');

/** `nofile=1024:2048`. */
function ulimitOf(text: string): { Name: string; Soft: number; Hard: number } {
  const [, name, soft, hard = soft] = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
  if (name === undefined) throw invalidParameter(`failed to parse ulimit: invalid ulimit argument: ${text}`, { object: text });
  return { Name: name, Soft: Number(soft), Hard: Number(hard) };
}
