/**
 * A container's root for `docker cp`: its layers with its volumes and binds over them, whether it runs or not. As with
 * Docker, what only its processes have is not there: /proc, /dev, tmpfs, their own mounts.
 */
import { existsSync } from 'node:fs';
import { conflict } from '../../errors.ts';
import { errno } from '../../linux/errno.ts';
import { compileView } from '../../runtime/compile/view.ts';
import type { OciMount } from '../../runtime/oci.ts';
import { LaunchError, type RootView } from '../../runtime/shim.ts';
import type { RootDescription } from '../../storage/driver.ts';
import type { Container } from '../container.ts';
import { isAlive } from '../container-state.ts';
import type { EngineContext } from '../context.ts';
import { volumeFailure } from '../../volumes/volume-mounts.ts';
import { volumesOf } from '../container-volumes.ts';
import { imageMountSources } from '../image-mounts.ts';
import { networkFiles } from '../launch-request.ts';
import { mountByDriver, remapOf, unmountByDriver } from '../root-mounts.ts';
import { rootSource } from '../root-source.ts';
import { byDepth, type ResolvedMount } from '../spec/mounts.ts';
import { makeBindSources } from '../start.ts';

/** `layers`: to be read, without what is mounted over the root. */
export type Access = 'read' | 'write' | 'layers';

/** Opens a view. While one to write is open, no new run of the container begins. */
export async function openRootView(context: EngineContext, container: Container, access: Access): Promise<RootView> {
  // Not queued behind a `stop` that waits for its timeout.
  const mounts = access === 'layers' ? [] : viewMounts(context, container);
  const mounted = isAlive(container.state) ? await openMounted(context, container, mounts) : undefined;
  const view = mounted ?? (await openAtRest(context, container, access, mounts));
  if (access !== 'write') return view;
  const closed = container.rootViews.add();
  return { fd: view.fd, close: () => view.close().finally(closed) };
}

/** Undefined when it has ended meanwhile. */
async function openMounted(context: EngineContext, container: Container, mounts: readonly OciMount[]): Promise<RootView | undefined> {
  try {
    return await open(context, container, mounts, { mounted: true, readOnly: false });
  } catch (error) {
    if (error instanceof LaunchError && error.operation?.name === 'pivotRoot' && error.failure.errno === errno.EINVAL) return undefined;
    throw error;
  }
}

function openAtRest(context: EngineContext, container: Container, access: Access, mounts: readonly OciMount[]): Promise<RootView> {
  return container.exclusively(async () => {
    if (container.removing) throw conflict(`container ${container.id} is being removed`, { object: container.id });
    if (isAlive(container.state)) return open(context, container, mounts, { mounted: true, readOnly: false });
    await container.released;
    await container.rootViews.idle();
    makeBindSources(container);
    const root = describeRoot(context, container);
    const readOnly = access !== 'write' && mounts.every(({ destination }) => context.existsInRoot(root, destination));
    if (root.kind === 'overlay' && root.mountedBy === 'driver') return openByDriver(context, container, mounts);
    return open(context, container, mounts, { mounted: false, readOnly });
  });
}

/** Where the driver mounts a root there is one mount at a time: no new run begins while it is open, and no other view. */
async function openByDriver(context: EngineContext, container: Container, mounts: readonly OciMount[]): Promise<RootView> {
  const closed = container.rootViews.add();
  const unmount = (): void => {
    unmountByDriver(context, container);
    closed();
  };
  try {
    await mountByDriver(context, container);
    const view = await open(context, container, mounts, { mounted: false, readOnly: false });
    return { fd: view.fd, close: () => view.close().finally(unmount) };
  } catch (error) {
    unmount();
    throw error;
  }
}

async function open(
  context: EngineContext, container: Container, mounts: readonly OciMount[], { mounted, readOnly }: { mounted: boolean; readOnly: boolean },
): Promise<RootView> {
  // Without mounts it is to show the layers alone.
  const volumes = mounted || mounts.length === 0 ? [] : await context.volumeMounts.forView(volumesOf(context, container));
  try {
    return await context.launcher.view(compileView({
      root: rootSource(describeRoot(context, container), { remapped: false, readOnly }),
      images: imageMountSources(context, container.record), mappings: remapOf(context, container), mounted, volumes, mounts,
    }));
  } catch (error) {
    throw volumeFailure(error) ?? error;
  }
}

const describeRoot = (context: EngineContext, { record }: Container): RootDescription => context.storage.root(record.id, record.topLayer);

function viewMounts(context: EngineContext, container: Container): OciMount[] {
  const { mounts } = container.record;
  const taken = new Set(mounts.map(({ Destination }) => Destination));
  const binds = byDepth(mounts.filter(({ Type }) => Type !== 'tmpfs')).map((mount) => bind(context, container, mount));
  return [...binds, ...ownFiles(context, container).filter(({ destination }) => !taken.has(destination))];
}

function bind({ host }: EngineContext, { state }: Container, { Source, Destination, RW, details }: ResolvedMount): OciMount {
  const readOnly = details.readOnly === 'plain' || !host.recursiveReadOnly ? 'ro' : 'rro';
  const options = [details.recursive ? 'rbind' : 'bind', ...(RW ? [] : [readOnly]), 'rprivate'];
  // Afterwards an empty volume is one that the container has emptied.
  if (details.copyUp && state.status === 'created') options.push('copyup');
  const from = details.subpath === undefined ? { source: Source } : { source: details.subpath, beneath: Source };
  return { destination: Destination, type: 'bind', ...from, options };
}

/** Written when a container starts. */
function ownFiles(context: EngineContext, container: Container): OciMount[] {
  const { hosts, hostname, resolvConf } = networkFiles(context, container);
  const files = [['/etc/hosts', hosts], ['/etc/hostname', hostname], ['/etc/resolv.conf', resolvConf]] as const;
  return files
    .filter(([, source]) => existsSync(source))
    .map(([destination, source]) => ({ destination, type: 'bind', source, options: ['bind', 'rprivate'] }));
}
