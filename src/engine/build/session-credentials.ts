/** Credentials for registries that a client's session has. */
import type { BuildJob } from '../../build/buildkit/build-job.ts';
import { anonymous, type Credentials } from '../../images/registry/credentials.ts';

/** Docker Hub's name for clients of BuildKit. */
const hubHost = 'registry-1.docker.io';

/** A user without a name has a token instead of a password. */
export async function sessionCredentials({ session }: BuildJob, registry: string): Promise<Credentials> {
  const answer = await session.credentials(registry.includes('index.docker.io') ? hubHost : registry);
  if (answer === undefined || answer.secret === '') return anonymous;
  const { username, secret } = answer;
  return username === '' ? { ...anonymous, identityToken: secret } : { ...anonymous, username, password: secret };
}
