/** Files in and out of containers: `docker cp`, `export`, `diff`. */
import type { ContainerService, Engine } from '../../engine/engine.ts';
import type { PathStat } from '../../engine/files/path-stat.ts';
import { invalidParameter } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import type { ResponseHeaders } from '../http/response.ts';
import { get, head, put } from '../router.ts';
import type { Route } from '../router.ts';

export function containerArchiveRoutes({ containers }: Engine): Route[] {
  return [
    head('/containers/{id}/archive', (exchange) => stat(containers, exchange)),
    get('/containers/{id}/archive', (exchange) => read(containers, exchange)),
    put('/containers/{id}/archive', (exchange) => write(containers, exchange)),
    get('/containers/{id}/export', (exchange) => exportAll(containers, exchange)),
    get('/containers/{id}/changes', (exchange) => changes(containers, exchange)),
  ];
}

async function stat(containers: ContainerService, exchange: Exchange): Promise<void> {
  exchange.response.send(200, statHeader(await containers.stat(exchange.param, requiredPath(exchange))), '');
}

async function read(containers: ContainerService, exchange: Exchange): Promise<void> {
  const archive = await containers.readArchive(exchange.param, requiredPath(exchange));
  exchange.response.start(200, { ...statHeader(archive.stat), 'Content-Type': 'application/x-tar' });
  await exchange.stream(archive.tar, (chunk) => chunk);
}

async function exportAll(containers: ContainerService, exchange: Exchange): Promise<void> {
  const tar = await containers.export(exchange.param);
  exchange.response.start(200, { 'Content-Type': 'application/octet-stream' });
  await exchange.stream(tar, (chunk) => chunk);
}

/** Docker's list of nothing is null. */
async function changes(containers: ContainerService, exchange: Exchange): Promise<void> {
  const list = await containers.changes(exchange.param);
  exchange.json(200, list.length === 0 ? null : list);
}

async function write(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  await containers.writeArchive(exchange.param, requiredPath(exchange), exchange.request.body, {
    noOverwriteDirNonDir: query.bool('noOverwriteDirNonDir'),
    copyUidGid: query.bool('copyUIDGID'),
  });
  exchange.empty(200);
}

function requiredPath({ query }: Exchange): string {
  const path = query.get('path');
  if (path === '') throw invalidParameter('bad parameter: pathcannot be empty');
  return path;
}

const statHeader = (value: PathStat): ResponseHeaders => ({
  'X-Docker-Container-Path-Stat': Buffer.from(JSON.stringify(value)).toString('base64'),
});
