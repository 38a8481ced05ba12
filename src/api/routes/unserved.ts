/**
 * Endpoints of the Engine API that are answered, not served: clients that poll them get Docker's answer for "nothing of
 * that kind here".
 */
import { notFound, notImplemented, unavailable } from '../../errors.ts';
import { get, post } from '../router.ts';
import type { Route } from '../router.ts';

type Method = Route['method'];

const notManager =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
  + 'and try again.';

/** What is asked for, and what the sentence says of it. */
const later: readonly (readonly [Method, string, string])[] = [
  ['GET', '/containers/{id}/checkpoints', 'checkpointing'],
  ['POST', '/containers/{id}/checkpoints', 'checkpointing'],
  ['POST', '/swarm/init', 'swarm mode'],
  ['POST', '/swarm/join', 'swarm mode'],
  ['GET', '/plugins/privileges', 'installing plugins'],
  ['POST', '/plugins/pull', 'installing plugins'],
  ['POST', '/plugins/create', 'creating plugins'],
];

const swarm: readonly (readonly [Method, string])[] = [
  ['GET', '/swarm'],
  ['POST', '/swarm/update'],
  ['GET', '/swarm/unlockkey'],
  ['POST', '/swarm/unlock'],
  ...['nodes', 'services', 'secrets', 'configs'].flatMap((kind): (readonly [Method, string])[] => [
    ['GET', `/${kind}`],
    ['POST', `/${kind}/create`],
    ['GET', `/${kind}/{id}`],
    ['DELETE', `/${kind}/{id}`],
    ['POST', `/${kind}/{id}/update`],
  ]),
  ['GET', '/services/{id}/logs'],
  ['GET', '/tasks'],
  ['GET', '/tasks/{id}'],
  ['GET', '/tasks/{id}/logs'],
];

export function unservedRoutes(): Route[] {
  return [
    ...later.map(([method, path, what]): Route => ({
      method,
      path,
      handler: () => {
        throw notImplemented(`${what} is not implemented by Caisson yet`);
      },
    })),
    ...swarm.map(([method, path]): Route => ({
      method,
      path,
      handler: () => {
        throw unavailable(notManager);
      },
    })),
    post('/swarm/leave', () => {
      throw unavailable('This node is not part of a swarm');
    }),
    get('/plugins', (exchange) => exchange.json(200, [])),
    ...pluginRoutes(),
  ];
}

function pluginRoutes(): Route[] {
  const paths: readonly (readonly [Method, string])[] = [
    ['GET', '/plugins/{name}/json'],
    ['DELETE', '/plugins/{name}'],
    ['POST', '/plugins/{name}/enable'],
    ['POST', '/plugins/{name}/disable'],
    ['POST', '/plugins/{name}/upgrade'],
    ['POST', '/plugins/{name}/push'],
    ['POST', '/plugins/{name}/set'],
  ];
  return paths.map(([method, path]) => ({
    method,
    path,
    handler: (exchange) => {
      throw notFound(`plugin ${JSON.stringify(exchange.param)} not found`);
    },
  }));
}
