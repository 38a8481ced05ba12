/** Creating a container from a built request: the image is fetched when it is missing, the id file written. */
import * as fs from 'node:fs';
import { EngineError, ExitError } from '../errors.ts';
import type { Flags } from '../flags/values.ts';
import type { HttpClient } from '../http/client.ts';
import { printError } from '../io/output.ts';
import type { CreateCall } from './request.ts';

/** Creates; returns the id. Throws EngineError, or ExitError for a wrong `--pull` or `--cidfile`. */
export async function createContainer(engine: HttpClient, flags: Flags, call: CreateCall): Promise<string> {
  const policy = flags.string('pull');
  if (!['always', 'missing', 'never'].includes(policy)) {
    throw new ExitError(125, `invalid pull option: '${policy}': must be one of "always", "missing" or "never"`);
  }
  const idFile = flags.string('cidfile');
  const descriptor = idFile === '' ? undefined : openIdFile(idFile);
  let id = '';
  try {
    id = await createOrPull(engine, flags, call, policy);
    return id;
  } finally {
    if (descriptor !== undefined) {
      fs.writeSync(descriptor, id);
      fs.closeSync(descriptor);
      if (id === '') fs.rmSync(idFile, { force: true });
    }
  }
}

function openIdFile(file: string): number {
  try {
    return fs.openSync(file, 'wx', 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new ExitError(125, `caisson: failed to create the container ID file: ${(error as Error).message}`);
    }
    throw new ExitError(125, `caisson: container ID file found, make sure the other container isn't running or delete ${file}`);
  }
}

async function createOrPull(engine: HttpClient, flags: Flags, call: CreateCall, policy: string): Promise<string> {
  const image = String(call.body['Image']);
  const fetchImage = async () => {
    const { pullImage } = await import('../commands/pull.ts');
    await pullImage(engine, image, { platform: flags.string('platform'), quiet: flags.bool('quiet'), descriptor: 2 });
  };
  if (policy === 'always') await fetchImage();
  try {
    return await post(engine, flags, call);
  } catch (error) {
    if (policy !== 'missing' || !(error instanceof EngineError) || error.status !== 404 || !/no such image/i.test(error.message)) throw error;
    if (!flags.bool('quiet')) printError(`Unable to find image '${withTag(image)}' locally`);
    await fetchImage();
    return post(engine, flags, call);
  }
}

function withTag(image: string): string {
  return /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
}

async function post(engine: HttpClient, flags: Flags, call: CreateCall): Promise<string> {
  const query = { name: flags.string('name'), platform: flags.string('platform') };
  const answer = await engine.request('POST', '/containers/create', { query, json: call.body });
  const { Id, Warnings } = await answer.json<{ Id: string; Warnings: string[] | null }>();
  for (const warning of Warnings ?? []) printError(`WARNING: ${warning}`);
  return Id;
}
