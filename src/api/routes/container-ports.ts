/** `GET /containers/{id}/ports`: who reaches a container's published ports, an extension that Docker's API does not have. */
import type { Engine } from '../../engine/engine.ts';
import { get } from '../router.ts';
import type { Route } from '../router.ts';

export const containerPortRoutes = ({ containers }: Engine): Route[] => [
  get('/containers/{id}/ports', async (exchange) => exchange.json(200, await containers.explainPorts(exchange.param))),
];
