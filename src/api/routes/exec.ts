/** Processes that are started in a running container. */
import type { ContainerService, Engine } from '../../engine/engine.ts';
import { invalidParameter } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { readJson } from '../json.ts';
import { execOptions, execStartOptions } from '../request-shapes.ts';
import { get, post } from '../router.ts';
import type { Route } from '../router.ts';
import { terminalSize } from './terminal-size.ts';

export function execRoutes({ containers }: Engine): Route[] {
  return [
    post('/containers/{id}/exec', (exchange) => create(containers, exchange)),
    post('/exec/{id}/start', (exchange) => start(containers, exchange)),
    post('/exec/{id}/resize', (exchange) => resize(containers, exchange)),
    get('/exec/{id}/json', async (exchange) => exchange.json(200, await containers.execInspect(exchange.param))),
  ];
}

async function create(containers: ContainerService, exchange: Exchange): Promise<void> {
  const config = (await readJson(exchange.request, execOptions)) ?? {};
  if (!config.Cmd?.length) throw invalidParameter('No exec command specified');
  checkConsoleSize(config.ConsoleSize);
  // Consoles were sized by the client before.
  if (exchange.version < 42) delete config.ConsoleSize;
  exchange.json(201, await containers.execCreate(exchange.param, config));
}

async function start(containers: ContainerService, exchange: Exchange): Promise<void> {
  const options = (await readJson(exchange.request, execStartOptions)) ?? {};
  checkConsoleSize(options.ConsoleSize);
  const size = exchange.version >= 42 && options.Tty ? options.ConsoleSize : undefined;
  const session = await containers.execStart(exchange.param, {
    detach: options.Detach ?? false,
    tty: options.Tty ?? false,
    ...(size ? { consoleSize: size } : {}),
  });
  if (session === null) exchange.empty(200);
  else await exchange.attach(session);
}

function checkConsoleSize(size: readonly number[] | null | undefined): void {
  if (size && size.length !== 2) throw invalidParameter('invalid ConsoleSize: it has to be [height, width]');
}

async function resize(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { rows, columns } = terminalSize(exchange.query);
  await containers.execResize(exchange.param, rows, columns);
  exchange.empty(200);
}
