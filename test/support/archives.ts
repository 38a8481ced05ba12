/** Image archives as `docker save` writes and wrote them, for tests to load. */
import { createHash } from 'node:crypto';
import { busyboxRoot } from './image.ts';
import { tar, type TarEntry } from './tar.ts';

export const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/** A layer that runs: busybox with its applets. */
export const baseLayer = (): Buffer => busyboxRoot();

/** A configuration for these layers; one history entry for each. */
export function imageConfig(layers: readonly Uint8Array[], more: object = {}): Buffer {
  return Buffer.from(JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    created: '2023-01-02T03:04:05.678Z',
    config: { Env: ['PATH=/bin'], Cmd: ['sh'] },
    history: layers.map((_, index) => ({ created: `2023-01-02T03:04:0${index}Z`, created_by: `step ${index}` })),
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
    ...more,
  }));
}

export interface ArchivedImage {
  readonly tags?: readonly string[];
  readonly layers: readonly Uint8Array[];
  readonly config?: Buffer;
  readonly parent?: string;
}

/** A docker-archive; a layer that several images have is in it once. */
export function dockerArchive(images: readonly ArchivedImage[]): Buffer {
  const files = new Map<string, Uint8Array>();
  const manifest = images.map(({ tags, layers, config = imageConfig(layers), parent }) => {
    const names = layers.map((layer) => `${sha256(layer)}/layer.tar`);
    for (const [index, name] of names.entries()) files.set(name, layers[index] as Uint8Array);
    files.set(`${sha256(config)}.json`, config);
    return { Config: `${sha256(config)}.json`, RepoTags: tags ?? null, Layers: names, ...(parent === undefined ? {} : { Parent: parent }) };
  });
  files.set('manifest.json', Buffer.from(JSON.stringify(manifest)));
  return tar([...files].map(([name, data]): TarEntry => ({ type: 'file', name, data })));
}
