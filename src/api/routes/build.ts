/** `docker build`, the classic way, and the build cache. */
import type { ClassicBuildRequest } from '../../build/classic/build.ts';
import type { Ulimit } from '../../engine/docker-types.ts';
import type { BuildService, Engine } from '../../engine/engine.ts';
import type { Logger } from '../../engine/logger.ts';
import { invalidParameter, notImplemented } from '../../errors.ts';
import { hostPlatform } from '../../images/config.ts';
import { parsePlatform } from '../../images/platform.ts';
import { decodeConfigHeader } from '../../images/registry/credentials.ts';
import type { Exchange } from '../exchange.ts';
import { parseFilters } from '../filters.ts';
import { ClientGone } from '../http/http-error.ts';
import { findJsonFault } from '../json-syntax.ts';
import type { Query } from '../query.ts';
import { post } from '../router.ts';
import type { Route } from '../router.ts';
import { array, checkShape, int64, map, type Shape, string, struct } from '../schema.ts';

const texts = map(string);
const ulimit = struct('units.Ulimit', { Name: string, Hard: int64, Soft: int64 });

export function buildRoutes({ builds }: Engine, logger: Logger): Route[] {
  return [
    post('/build', (exchange) => build(builds, exchange, logger)),
    post('/build/prune', (exchange) => prune(builds, exchange)),
  ];
}

async function build(builds: BuildService, exchange: Exchange, logger: Logger): Promise<void> {
  const request = buildRequest(exchange);
  const { response } = exchange;
  await builds.build(request, (record) => {
    if (request.signal.aborted) return undefined;
    try {
      if (!response.started) exchange.startJson();
      return exchange.progress(record)?.catch((error: unknown) => ignoreGone(error, logger));
    } catch (error) {
      ignoreGone(error, logger);
      return undefined;
    }
  });
}

/** The signal ends the build. */
function ignoreGone(error: unknown, logger: Logger): void {
  if (!(error instanceof ClientGone)) logger.error('build: cannot tell the client', { error });
}

function buildRequest({ request, query, version }: Exchange): ClassicBuildRequest {
  refuseWhatIsNotThere(query);
  const remove = query.get('rm') === '' || query.bool('rm');
  const platform = version >= 32 ? query.get('platform') : '';
  return {
    archive: request.body,
    remote: query.get('remote'),
    dockerfile: query.get('dockerfile'),
    tags: [...new Set(query.all('t').filter((tag) => tag !== ''))],
    quiet: query.bool('q'),
    noCache: query.bool('nocache'),
    explain: query.bool('explain'),
    pull: query.bool('pull'),
    credentials: decodeConfigHeader(request.header('x-registry-config')),
    removeContainers: remove || query.bool('forcerm'),
    removeFailedContainers: query.bool('forcerm'),
    buildArgs: (parameter(query, 'buildargs', 'build args', texts) ?? {}) as Values,
    labels: withoutNulls((parameter(query, 'labels', 'labels', texts) ?? {}) as Values),
    target: query.get('target'),
    platform: platform === '' ? undefined : parsePlatform(platform, hostPlatform()),
    network: query.get('networkmode'),
    runSettings: { hostConfig: hostConfig(query) },
    signal: request.signal,
  };
}

type Values = Readonly<Record<string, string | null>>;

const withoutNulls = (values: Values): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value ?? '']));

function refuseWhatIsNotThere(query: Query): void {
  if (query.get('version') === '2')
    throw notImplemented('building images with BuildKit is not implemented by Caisson yet: use the classic builder (DOCKER_BUILDKIT=0)');
  if (query.bool('squash')) throw invalidParameter('squash is only supported with experimental mode');
  if (query.get('securityopt') !== '') throw invalidParameter('security options are not supported on linux');
  if (query.get('outputs') !== '' && !['null', '[]'].includes(query.get('outputs')))
    throw notImplemented('outputs other than an image are not implemented by Caisson yet');
  parameter(query, 'cachefrom', 'cache-from', array(string));
}

/** Limits of the containers that run the steps. */
function hostConfig(query: Query): Record<string, unknown> {
  const ulimits = parameter(query, 'ulimits', 'ulimit settings', array(ulimit)) as Ulimit[] | undefined;
  const given = {
    Memory: number(query, 'memory'), MemorySwap: number(query, 'memswap'), ShmSize: number(query, 'shmsize'), CpuShares: number(query, 'cpushares'),
    CpuPeriod: number(query, 'cpuperiod'), CpuQuota: number(query, 'cpuquota'), CpusetCpus: query.get('cpusetcpus'), CpusetMems: query.get('cpusetmems'),
    CgroupParent: query.get('cgroupparent'),
  };
  const extraHosts = query.all('extrahosts').flatMap((hosts) => hosts.split(',')).filter((host) => host !== '');
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== 0 && value !== '')),
    ...(extraHosts.length === 0 ? {} : { ExtraHosts: extraHosts }),
    ...(ulimits ? { Ulimits: ulimits } : {}),
  };
}

/** httputils.Int64ValueOrZero. */
const number = (query: Query, name: string): number => (/^[+-]?\d{1,18}$/.test(query.get(name)) ? Number(query.get(name)) : 0);

/** A parameter that is JSON, of the given shape; null and nothing are the same. */
function parameter(query: Query, name: string, what: string, shape: Shape): unknown {
  const text = query.get(name);
  if (text === '') return undefined;
  const value = parseParameter(text, what);
  checkShape(value, shape);
  return value ?? undefined;
}

function parseParameter(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const fault = findJsonFault(text);
    const why = fault.kind === 'syntax' ? fault.message : 'unexpected end of JSON input';
    throw invalidParameter(`error reading ${what}: ${why}`, { object: text, cause });
  }
}

async function prune(builds: BuildService, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  exchange.json(200, await builds.prune({ all: query.bool('all'), keepStorage: number(query, 'keep-storage') || number(query, 'reserved-space'), filters: parseFilters(query.get('filters')) }));
}
