/** What the client that builds serves over its session: credentials, secrets, an ssh agent, bytes. */
import { bytes, field, int64, message, repeated, string } from './codec.ts';

export const bytesMessage = message({ data: field(1, bytes) });

export const credentialsRequest = message({ host: field(1, string) });
export const credentialsResponse = message({ username: field(1, string), secret: field(2, string) });

export const fetchTokenRequest = message({
  clientId: field(1, string), host: field(2, string), realm: field(3, string), service: field(4, string), scopes: repeated(5, string),
});
export const fetchTokenResponse = message({ token: field(1, string), expiresIn: field(2, int64), issuedAt: field(3, int64) });

export const getSecretRequest = message({ id: field(1, string) });
export const getSecretResponse = message({ data: field(1, bytes) });

export const checkAgentRequest = message({ id: field(1, string) });

/** Methods. */
export const sessionMethod = {
  diffCopy: '/moby.filesync.v1.FileSync/DiffCopy',
  sendDiffCopy: '/moby.filesync.v1.FileSend/DiffCopy',
  credentials: '/moby.filesync.v1.Auth/Credentials',
  fetchToken: '/moby.filesync.v1.Auth/FetchToken',
  pull: '/moby.upload.v1.Upload/Pull',
  getSecret: '/moby.buildkit.secrets.v1.Secrets/GetSecret',
  checkAgent: '/moby.sshforward.v1.SSH/CheckAgent',
  forwardAgent: '/moby.sshforward.v1.SSH/ForwardAgent',
} as const;
