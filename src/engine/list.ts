/** `GET /containers/json`: filters, order and the summary of each container. */
import { invalidParameter } from '../errors.ts';
import type { Container } from './container.ts';
import { endedOf, exitCodeOf, isAlive, zeroTime } from './container-state.ts';
import type { EngineContext } from './context.ts';
import type { HostConfig } from './docker-types.ts';
import type { Filters } from './engine.ts';
import { matchesLabel } from './events.ts';
import { humanDuration } from './human-duration.ts';
import { linkNames } from './links.ts';
import { shownMounts, sizes } from './inspect.ts';
import { matchesText } from './matches-text.ts';
import { listedPorts, shownPorts } from './networks/ports.ts';
import { shownEndpoints } from './networks/shown.ts';
import { portsOf } from './port-filter.ts';

export interface ListRequest {
  readonly all: boolean;
  /** 0 is no limit; a limit shows stopped containers too. */
  readonly limit: number;
  readonly size: boolean;
  readonly filters: Filters;
}

const healthStatuses = ['none', 'starting', 'healthy', 'unhealthy'];
const statuses = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];

/** Newest first. */
export async function listContainers(context: EngineContext, request: ListRequest): Promise<object[]> {
  const { filters } = request;
  checkFilters(filters);
  const sorted = context.registry.all().sort((a, b) => (a.record.created < b.record.created ? 1 : -1));
  const before = position(context, sorted, filters['before']);
  const since = position(context, sorted, filters['since']);
  const showStopped = request.all || request.limit > 0 || before !== undefined || since !== undefined
    || (filters['status']?.length ?? 0) > 0 || (filters['exited']?.length ?? 0) > 0;
  const [exposed, published] = [portsOf(filters, 'expose'), portsOf(filters, 'publish')];
  const idOfImage = imageLookup(context);
  const ancestors = ancestorIds(context, filters['ancestor'], idOfImage);
  const chosen = sorted.filter((container, index) => {
    if (!showStopped && !isAlive(container.state) && container.state.status !== 'restarting') return false;
    if (before !== undefined && index <= before) return false;
    if (since !== undefined && index >= since) return false;
    return (ancestors === undefined || ancestors.has(container.record.imageId)) && matches(container, filters)
      && (exposed === undefined || Object.keys(shownPorts(context, container)).some((port) => exposed.has(port)))
      && (published === undefined || container.record.ports.some(({ hostPort, protocol }) => published.has(`${hostPort}/${protocol}`)));
  });
  const links = linkNames(context);
  const shown = request.limit > 0 ? chosen.slice(0, request.limit) : chosen;
  return Promise.all(shown.map((container) => summary(context, container, request.size, { idOfImage, links: links.get(container.id) ?? [] })));
}

type ImageLookup = (name: string) => string | undefined;

/** What an image's name means, looked up once for a whole list: its containers share a few images. */
function imageLookup(context: EngineContext): ImageLookup {
  const known = new Map<string, string | undefined>();
  return (name) => {
    if (!known.has(name)) known.set(name, idOf(context, name));
    return known.get(name);
  };
}

function idOf(context: EngineContext, name: string): string | undefined {
  try {
    return context.images.get(name).id;
  } catch {
    return undefined; // Docker ignores an ancestor it does not know
  }
}

function checkFilters(filters: Filters): void {
  for (const status of filters['status'] ?? []) {
    if (!statuses.includes(status)) {
      throw invalidParameter(`invalid filter 'status=${status}'`);
    }
  }
  for (const code of filters['exited'] ?? []) {
    if (/^[+-]?\d+$/.test(code)) continue;
    throw invalidParameter(`invalid filter 'exited=${code}': strconv.Atoi: parsing ${JSON.stringify(code)}: invalid syntax`);
  }
  for (const health of filters['health'] ?? []) {
    if (healthStatuses.includes(health)) continue;
    throw invalidParameter(`invalid filter 'health=${health}': invalid value for health (${health}): must be one of ${healthStatuses.join(', ')}`);
  }
  for (const value of filters['is-task'] ?? []) {
    if (!['true', 'false', '1', '0'].includes(value)) throw invalidParameter(`invalid filter 'is-task=[${value}]'`);
  }
}

function position(context: EngineContext, sorted: readonly Container[], refs: readonly string[] | undefined): number | undefined {
  const ref = refs?.[0];
  return ref === undefined ? undefined : sorted.indexOf(context.registry.get(ref));
}

/** The ids of all images that are, or are built on, one of the given ones. */
function ancestorIds(context: EngineContext, names: readonly string[] | undefined, idOfImage: ImageLookup): Set<string> | undefined {
  if (names === undefined || names.length === 0) return undefined;
  const images = context.images.list();
  const wanted = images.filter((image) => names.some((name) => idOfImage(name) === image.id));
  return new Set(images.filter((image) => wanted.some((ancestor) => {
    const layers = ancestor.config.rootfs.diff_ids;
    return image.id === ancestor.id
      || (layers.length < image.config.rootfs.diff_ids.length && layers.every((layer, index) => image.config.rootfs.diff_ids[index] === layer));
  })).map((image) => image.id));
}

function matches(container: Container, filters: Filters): boolean {
  const { record } = container;
  const any = (key: string, test: (value: string) => boolean) => {
    const values = filters[key];
    return values === undefined || values.length === 0 || values.some(test);
  };
  return any('name', (name) => matchesText(`/${record.name}`, name) || matchesText(record.name, name))
    && any('id', (id) => record.id.startsWith(id))
    && (filters['label'] ?? []).every((label) => matchesLabel(record.config.Labels ?? {}, label))
    && any('status', (status) => statusOf(container) === status)
    && any('exited', (code) => !isAlive(container.state) && container.state.status !== 'created' && exitCodeOf(container.state) === Number(code))
    && any('health', (health) => health === (record.health?.status ?? 'none'))
    && any('is-task', (value) => value === 'false' || value === '0')
    && any('volume', (volume) => record.mounts.some((mount) => mount.Name === volume || mount.Destination === volume || mount.Source === volume))
    && any('network', (network) => networkName(container) === network)
    && any('isolation', (isolation) => isolation === (record.hostConfig.Isolation ?? ''));
}

const statusOf = (container: Container) => (container.removing ? 'removing' : container.state.status);

const networkName = (container: Container) => {
  const mode = container.record.hostConfig.NetworkMode ?? 'default';
  return mode === 'default' ? 'bridge' : mode;
};

interface Shared {
  readonly idOfImage: ImageLookup;
  /** Names that links give it. */
  readonly links: readonly string[];
}

async function summary(context: EngineContext, container: Container, withSize: boolean, { idOfImage, links }: Shared): Promise<object> {
  const { record } = container;
  return {
    Id: record.id,
    Names: [`/${record.name}`, ...links],
    Image: imageName(container, idOfImage),
    ImageID: record.imageId,
    Command: commandText(record.argv),
    Created: Math.floor(Date.parse(record.created) / 1000),
    Ports: listedPorts(context, container),
    ...(withSize ? await shownSizes(context, container) : {}),
    Labels: record.config.Labels ?? {},
    State: statusOf(container),
    Status: statusText(container),
    HostConfig: shownHostConfig(record.hostConfig),
    NetworkSettings: { Networks: shownEndpoints(context, container) },
    Mounts: shownMounts(container),
  };
}

/** Zero is left out. */
async function shownSizes(context: EngineContext, container: Container): Promise<object> {
  return Object.fromEntries(Object.entries(await sizes(context, container)).filter(([, size]) => size !== 0));
}

function shownHostConfig({ NetworkMode, Annotations }: HostConfig): object {
  return { NetworkMode: NetworkMode ?? 'default', ...(Annotations && Object.keys(Annotations).length > 0 ? { Annotations } : {}) };
}

/** The name it was created with while that still means the same image; the id otherwise. */
function imageName(container: Container, idOfImage: ImageLookup): string {
  const { config, imageId } = container.record;
  const name = config.Image ?? '';
  return name !== '' && imageId !== '' && idOfImage(name) === imageId ? name : imageId;
}

function commandText(argv: readonly string[]): string {
  return argv.map((arg, index) => (index > 0 && arg.includes(' ') ? `'${arg}'` : arg)).join(' ');
}

function healthText({ record }: Container): string {
  const status = record.health?.status;
  return status === undefined ? '' : ` (${status === 'starting' ? 'health: starting' : status})`;
}

/** `Up 3 minutes`, `Exited (0) 2 hours ago`, as Docker words them. */
function statusText(container: Container): string {
  const { state } = container;
  const ago = (text: string) => humanDuration(Date.now() - Date.parse(text));
  if (container.removing) return 'Removal In Progress';
  switch (state.status) {
    case 'running': return `Up ${ago(state.startedAt)}${healthText(container)}`;
    case 'paused': return `Up ${ago(state.startedAt)} (Paused)`;
    case 'restarting': return `Restarting (${state.exitCode}) ${ago(state.finishedAt)} ago`;
    case 'dead': return 'Dead';
    case 'created': return 'Created';
    case 'exited': return endedOf(state).finishedAt === zeroTime ? 'Created' : `Exited (${state.exitCode}) ${ago(state.finishedAt)} ago`;
  }
}
