/** `docker build`, the classic way, and the build cache. */
import type { ClassicBuildRequest, Send } from '../../build/classic/build.ts';
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
import type { Query } from '../query.ts';
import { post } from '../router.ts';
import type { Route } from '../router.ts';
import { number, parameter, texts, withoutNulls } from './build-parameters.ts';
import { buildkitRequest, uploadOf } from './buildkit-request.ts';
import { array, int64, string, struct } from '../schema.ts';

const ulimit = struct('units.Ulimit', { Name: string, Hard: int64, Soft: int64 });

export function buildRoutes({ builds }: Engine, logger: Logger): Route[] {
  return [
    post('/build', (exchange) => (exchange.query.get('version') === '2' ? buildWithBuildkit : build)(builds, exchange, logger)),
    post('/build/cancel', (exchange) => cancel(builds, exchange)),
    post('/build/prune', (exchange) => prune(builds, exchange)),
  ];
}

async function build(builds: BuildService, exchange: Exchange, logger: Logger): Promise<void> {
  await builds.build(buildRequest(exchange), sender(exchange, logger));
}

async function buildWithBuildkit(builds: BuildService, exchange: Exchange, logger: Logger): Promise<void> {
  const service = await builds.buildkit();
  const upload = uploadOf(exchange.query);
  if (upload === undefined) return service.build(buildkitRequest(exchange), sender(exchange, logger));
  await service.upload(upload, exchange.request.body);
  exchange.empty(200);
}

async function cancel(builds: BuildService, exchange: Exchange): Promise<void> {
  const id = exchange.query.get('id');
  if (id === '') throw invalidParameter('build ID not specified');
  (await builds.buildkit()).cancel(id);
  exchange.empty(200);
}

/** The head of the answer leaves with the first record: until then a build can be refused. */
function sender(exchange: Exchange, logger: Logger): Send {
  const { request, response } = exchange;
  return (record) => {
    if (request.signal.aborted) return undefined;
    try {
      if (!response.started) exchange.startJson();
      return exchange.progress(record)?.catch((error: unknown) => ignoreGone(error, logger));
    } catch (error) {
      ignoreGone(error, logger);
      return undefined;
    }
  };
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
    check: checkMode(query.get('check')),
    pull: query.bool('pull'),
    credentials: decodeConfigHeader(request.header('x-registry-config')),
    removeContainers: remove || query.bool('forcerm'),
    removeFailedContainers: query.bool('forcerm'),
    buildArgs: texts(query, 'buildargs', 'build args'),
    labels: withoutNulls(texts(query, 'labels', 'labels')),
    target: query.get('target'),
    platform: platform === '' ? undefined : parsePlatform(platform, hostPlatform()),
    network: query.get('networkmode'),
    runSettings: { hostConfig: hostConfig(query) },
    signal: request.signal,
  };
}

const checkMode = (text: string): ClassicBuildRequest['check'] => (text === 'only' || text === 'also' ? text : 'none');

function refuseWhatIsNotThere(query: Query): void {
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

async function prune(builds: BuildService, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  exchange.json(200, await builds.prune({ all: query.bool('all'), keepStorage: number(query, 'keep-storage') || number(query, 'reserved-space'), filters: parseFilters(query.get('filters')) }));
}
