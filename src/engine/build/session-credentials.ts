/** Credentials for registries that a client's session has. */
import type { ClientSession } from '../../build/buildkit/client-session.ts';
import { anonymous, type Credentials } from '../../images/registry/credentials.ts';
import { hubKey } from './base-image.ts';

/** Docker Hub's name for clients of BuildKit. */
const hubHost = 'registry-1.docker.io';

/** A user without a name has a token instead of a password. */
export async function sessionCredentials(session: ClientSession, registry: string): Promise<Credentials> {
  // Equal, not alike: a Dockerfile may name any host.
  const answer = await session.credentials(registry === hubKey ? hubHost : registry);
  if (answer === undefined || answer.secret === '') return anonymous;
  const { username, secret } = answer;
  return username === '' ? { ...anonymous, identityToken: secret } : { ...anonymous, username, password: secret };
}
