/** `POST /build?version=2` in the words of the Dockerfile frontend (moby's builder-next does the same). */
import { randomUUID } from 'node:crypto';
import type { DockerBuildRequest } from '../../build/buildkit/docker-build.ts';
import { invalidParameter, notImplemented } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import type { Query } from '../query.ts';
import { array, int64, map, string, struct } from '../schema.ts';
import { parameter, texts, withoutNulls } from './build-parameters.ts';

const exporter = struct('types.ImageBuildOutput', { Type: string, Attrs: map(string) });
const ulimit = struct('units.Ulimit', { Name: string, Hard: int64, Soft: int64 });

/** What `remote` says of a context that does not come with the request. */
const elsewhere: ReadonlyMap<string, DockerBuildRequest['context']> = new Map([['client-session', { kind: 'session' }], ['upload-request', { kind: 'upload' }]]);

const uploadPrefix = 'upload-request:';

/** The ref of the build that the request brings the context of; undefined for a request that asks for a build. */
export function uploadOf(query: Query): string | undefined {
  const id = query.get('buildid');
  return id.startsWith(uploadPrefix) ? id.slice(uploadPrefix.length) : undefined;
}

export function buildkitRequest({ request, query }: Exchange): DockerBuildRequest {
  const remote = query.get('remote');
  if (remote !== '' && !elsewhere.has(remote)) throw notImplemented(`a context from ${JSON.stringify(remote)} is not supported with BuildKit: send the context`);
  if (query.bool('squash')) throw invalidParameter('squash is only supported with experimental mode');
  return {
    ref: query.get('buildid') || randomUUID(),
    session: query.get('session'),
    context: elsewhere.get(remote) ?? { kind: 'archive', archive: request.body },
    quiet: query.bool('q'),
    attributes: attributesOf(query),
    exporters: exportersOf(query),
    signal: request.signal,
  };
}

function attributesOf(query: Query): Map<string, string> {
  const attributes = new Map<string, string>();
  const set = (name: string, value: string): void => {
    if (value !== '') attributes.set(name, value);
  };
  set('filename', query.get('dockerfile'));
  set('target', query.get('target'));
  set('platform', query.get('platform'));
  if (query.bool('nocache')) attributes.set('no-cache', '');
  set('image-resolve-mode', query.bool('pull') ? 'pull' : '');
  set('force-network-mode', query.get('networkmode'));
  set('add-hosts', query.all('extrahosts').flatMap((hosts) => hosts.split(',')).filter((host) => host !== '').map((host) => host.replace(':', '=')).join(','));
  set('shm-size', query.get('shmsize') === '0' ? '' : query.get('shmsize'));
  set('cgroup-parent', query.get('cgroupparent'));
  set('ulimit', ((parameter(query, 'ulimits', 'ulimit settings', array(ulimit)) ?? []) as readonly { Name: string; Soft: number; Hard: number }[])
    .map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`).join(','));
  // An argument without a value is none for BuildKit.
  for (const [name, value] of Object.entries(texts(query, 'buildargs', 'build args'))) if (value !== null) attributes.set(`build-arg:${name}`, value);
  for (const [name, value] of Object.entries(withoutNulls(texts(query, 'labels', 'labels')))) attributes.set(`label:${name}`, value);
  return attributes;
}

/** An image, unless something else is asked for. */
function exportersOf(query: Query): DockerBuildRequest['exporters'] {
  const outputs = parameter(query, 'outputs', 'outputs', array(exporter)) as readonly { Type?: string; Attrs?: Record<string, string> | null }[] | undefined;
  if (outputs && outputs.length > 1) throw invalidParameter('multiple outputs not supported');
  const { Type = 'moby', Attrs } = outputs?.[0] ?? {};
  const attributes = new Map(Object.entries(Attrs ?? {}));
  if (Type === 'moby' || Type === 'image' || Type === '') attributes.set('name', query.all('t').join(','));
  return Type === 'cacheonly' ? [] : [{ type: Type || 'moby', attrs: attributes }];
}
