/** Containers beside their directories and roots. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { conflict } from '../../errors.ts';
import { type Finding, leftover } from '../../finding.ts';
import { removeTree } from '../../storage/remove.ts';
import type { Container } from '../container.ts';
import { isAlive } from '../container-state.ts';
import type { EngineContext } from '../context.ts';
import { containerRootOptions } from '../create.ts';
import { containerOfRoot, imageRootOptions, imageRootsOf, rootsOf } from '../image-mounts.ts';
import { containerPaths } from '../paths.ts';
import { removeContainer } from '../remove.ts';

export function containerFindings(context: EngineContext): Finding[] {
  const { registry, storage, settings } = context;
  const directories = join(settings.dataRoot, 'containers');
  const roots = new Set(storage.roots());
  return [
    ...registry.all().filter(({ removing }) => !removing).flatMap((container) => containerProblems(context, container, roots)),
    ...readdirSync(directories).filter((name) => isStray(context, name))
      .map((name) => leftover(join(directories, name), 'The directory of a container', () => removeTree(join(directories, name)))),
    ...[...roots].filter((name) => isStray(context, name)).map((name) => leftover(name, `A container's root of the driver ${storage.name}`, () => storage.removeRoot(name))),
  ];
}

/** Neither a container's, nor one's that is being made or removed. */
function isStray({ registry, disposal }: EngineContext, name: string): boolean {
  const id = containerOfRoot(name);
  return !registry.has(id) && !registry.isBeingMade(id) && !disposal.has(id);
}

function containerProblems(context: EngineContext, container: Container, roots: ReadonlySet<string>): Finding[] {
  const { record } = container;
  const common = { kind: 'container', object: `${record.name} (${container.id.slice(0, 12)})`, reason: 'Something else has removed it: nothing of this engine does.' } as const;
  const findings: Finding[] = [];
  if (!existsSync(containerPaths(context.settings.dataRoot, container.id).directory)) {
    findings.push({
      ...common, problem: 'Its directory is missing, with its log and its files for names.', remedy: 'The container is removed, as it is at the next start of the daemon.',
      repair: () => removeContainer(context, container, { force: true, volumes: false }),
    });
  }
  for (const root of rootsOf(record).filter((each) => !roots.has(each))) {
    findings.push({
      ...common, problem: root === container.id ? 'Its root is missing: what it had written is lost, and it cannot be started.' : 'The root of an image that it mounts is missing: it cannot be started.',
      remedy: 'It gets a new root, as its image is.', repair: () => makeRoot(context, container, root),
    });
  }
  return findings;
}

function makeRoot(context: EngineContext, container: Container, root: string): Promise<void> {
  return container.exclusively(async () => {
    if (isAlive(container.state)) throw conflict(`container ${container.record.name} is running: stop it first`);
    const image = imageRootsOf(container.record).find((each) => each.root === root);
    if (image) await context.storage.createRoot(root, image.topLayer, imageRootOptions);
    else await context.storage.createRoot(root, container.record.topLayer, containerRootOptions(context, container.record));
  });
}
