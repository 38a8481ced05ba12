/** `--build-context NAME=…`: what takes the place of an image or a stage of that name. */
import { CaissonError, invalidParameter, notImplemented } from '../../errors.ts';
import type { Platform } from '../../images/platform.ts';
import { familiar, parseReference } from '../../images/reference.ts';
import type { NamedContext, ResolveImage } from '../frontend/options.ts';
import { isGitUrl, parseGitUrl } from '../git/url.ts';
import { imageVertex, scratch, vertex, type Vertex } from '../graph/vertex.ts';
import type { StageImage } from './image-config.ts';

export interface NamedContextParts {
  readonly attributes: ReadonlyMap<string, string>;
  readonly resolveImage: ResolveImage;
  /** The result of another build, by the name of the input that it was given as. */
  readonly input: (name: string) => Promise<StageImage>;
}

/** Undefined for a name that no context was given for. Rejects with invalid-parameter for one that cannot be had. */
export async function namedContext({ attributes, resolveImage, input }: NamedContextParts, name: string, platform: Platform | undefined): Promise<NamedContext | undefined> {
  const given = attributes.get(`context:${keyOf(name)}`);
  if (given === undefined) return undefined;
  if (isGitUrl(given)) {
    const files = vertex({ kind: 'git', ...parseGitUrl(given) });
    return { kind: 'tree', files, tree: copyOf(files), config: undefined };
  }
  const [scheme, rest] = splitScheme(given, name);
  switch (scheme) {
    case 'docker-image': return { kind: 'image', image: await resolveImage(rest.replace(/^\/\//, ''), platform, () => undefined) };
    case 'local': return { kind: 'tree', files: vertex({ kind: 'context', name: rest }), tree: copyOf(vertex({ kind: 'context', name: rest })), config: undefined };
    case 'input': {
      const { config, topLayer } = await input(rest);
      return { kind: 'tree', files: imageVertex(topLayer), tree: imageVertex(topLayer), config };
    }
    case 'http': case 'https': {
      const files = vertex({ kind: 'download', url: given, checksum: '' });
      return { kind: 'tree', files, tree: copyOf(files), config: undefined };
    }
    default: throw notImplemented(`unsupported context source ${scheme} for ${name}`, { object: given });
  }
}

function splitScheme(given: string, name: string): [string, string] {
  const colon = given.indexOf(':');
  if (colon === -1) throw invalidParameter(`invalid context source ${given} for ${name}`, { object: given });
  return [given.slice(0, colon), given.slice(colon + 1)];
}

/** Clients name contexts by the shortest form of a reference, without the tag that goes without saying. */
function keyOf(name: string): string {
  try {
    return familiar(parseReference(name)).replace(/:latest$/, '');
  } catch (error) {
    if (error instanceof CaissonError) return name;
    throw error;
  }
}

/** Files as layers, for a stage that begins with them. */
const copyOf = (files: Vertex): Vertex => vertex({
  kind: 'copy', instruction: 'FROM', sources: [{ input: 1, path: files.operation.kind === 'download' ? '' : '.' }], destination: '/', chown: '', keepOwner: false, chmod: '',
  link: true, parents: false, excludes: [], unpack: files.operation.kind === 'download',
}, [scratch, files]);
