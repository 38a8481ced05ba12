/** Containers as the figures make them: busybox, without a network unless they say so, over the API. */
import type { Client } from '../test/support/http.ts';

interface Created {
  readonly Id: string;
}

export const sleep = ['sleep', '1000'];

export async function create(client: Client, command: readonly string[], hostConfig: object = {}, config: object = {}): Promise<string> {
  const body = { Image: 'busybox', Cmd: command, ...config, HostConfig: { NetworkMode: 'none', ...hostConfig } };
  return (await client.json<Created>('POST', '/containers/create', body)).Id;
}

export async function start(client: Client, command: readonly string[], hostConfig: object = {}): Promise<string> {
  const id = await create(client, command, hostConfig);
  await client.json('POST', `/containers/${id}/start`);
  return id;
}

export async function remove(client: Client, id: string): Promise<void> {
  await client.json('DELETE', `/containers/${id}?force=1&v=1`);
}
