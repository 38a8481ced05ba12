/** Images that containers mount: each is a root of the storage driver beside the container's own, mounted as long as that is. */
import type { RootSource } from '../runtime/compile.ts';
import type { Digest, RootOptions } from '../storage/driver.ts';
import type { ContainerRecord } from './container.ts';
import type { EngineContext } from './context.ts';
import { rootSource } from './root-source.ts';
import type { ImageRoot, ImageSource } from './spec/mounts.ts';

/** Names of roots are `ID`, and `ID.N` for images; `.removed-…` while one is being removed. */
export const containerOfRoot = (root: string): string => root.replace(/^\.removed-/, '').replace(/\.\d+$/, '');

export const imageRootsOf = ({ mounts }: Pick<ContainerRecord, 'mounts'>): ImageRoot[] => mounts.flatMap(({ details }) => details.image ?? []);

/** All roots of a container. */
export const rootsOf = (record: ContainerRecord): string[] => [record.id, ...imageRootsOf(record).map(({ root }) => root)];

/** The layers that they are on. */
export const topLayersOf = (record: ContainerRecord): Digest[] => [record.topLayer, ...imageRootsOf(record).map(({ topLayer }) => topLayer)].flatMap((layer) => layer ?? []);

export const imageRootOptions: RootOptions = { owner: { uid: 0, gid: 0 }, storageOptions: {}, plain: true };

/** For a container that is being created. */
export function imageSource({ images, storage }: EngineContext, container: string): ImageSource {
  return (name, index) => {
    const { id, topLayer } = images.get(name);
    const root = `${container}.${index}`;
    const description = storage.root(root, topLayer);
    const path = description.kind === 'overlay' ? description.mergedDir : description.path;
    return { path, image: { root, topLayer, id, shifted: description.kind === 'overlay' } };
  };
}

/** What a plan mounts for them. Layers alone: a container's stubs are no part of an image. */
export function imageMountSources({ storage }: EngineContext, record: ContainerRecord): RootSource[] {
  return imageRootsOf(record).map(({ root, topLayer }) => {
    const description = storage.root(root, topLayer);
    // Trees are bound from where they are.
    if (description.kind === 'tree') return { kind: 'directory', path: description.path };
    const layers = description.lowerDirs.slice(0, -1);
    // overlayfs wants two directories; of an empty image there is none.
    return rootSource({ ...description, lowerDirs: layers.length === 0 ? [description.workDir] : layers }, { remapped: false, readOnly: true });
  });
}
