/**
 * A token server (distribution, docs/spec/auth/token.md) as a process of its own: `bun token-server.ts DIRECTORY PORT`. It knows
 * `alice` with the password `secret`. Whoever is nobody may pull from `open/…`; alice may do everything. Tokens are signed with
 * `DIRECTORY/token.key`, whose certificate is `DIRECTORY/token.crt`. Requests are appended to `DIRECTORY/tokens` as lines of JSON.
 */
import { createSign, randomUUID, X509Certificate } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const [, , directory = '.', port = '0'] = process.argv;
const key = readFileSync(path.join(directory, 'token.key'));
const certificate = new X509Certificate(readFileSync(path.join(directory, 'token.crt')));
const refreshToken = 'refresh-of-alice';

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function sign(subject: string, access: object[]): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: 'test', sub: subject, aud: 'test-registry', exp: now + 300, nbf: now - 10, iat: now, jti: randomUUID(), access };
  const text = `${base64url({ typ: 'JWT', alg: 'RS256', x5c: [certificate.raw.toString('base64')] })}.${base64url(claims)}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(key).toString('base64url')}`;
}

/** What of the scopes somebody gets. */
function granted(user: string, scopes: readonly string[]): object[] {
  return scopes.flatMap((scope) => {
    const [, name = '', actions = ''] = /^repository:([^:]+):(.*)$/.exec(scope) ?? [];
    const allowed = actions.split(',').filter((action) => user === 'alice' || (action === 'pull' && name.startsWith('open/')));
    return allowed.length === 0 ? [] : [{ type: 'repository', name, actions: allowed }];
  });
}

http.createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const url = new URL(request.url ?? '/', 'http://token');
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const [name = '', password] = Buffer.from((request.headers.authorization ?? '').replace('Basic ', ''), 'base64').toString().split(':');
    const refresh = form.get('refresh_token');
    appendFileSync(path.join(directory, 'tokens'), `${JSON.stringify({ method: request.method, query: [...url.searchParams], form: [...form], user: name })}\n`);
    const wrong = (name !== '' && !(name === 'alice' && password === 'secret')) || (request.method === 'POST' && refresh !== refreshToken);
    if (wrong) {
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'incorrect username or password' }] }));
      return;
    }
    const user = request.method === 'POST' ? 'alice' : name;
    const scopes = request.method === 'POST' ? (form.get('scope') ?? '').split(' ') : url.searchParams.getAll('scope');
    const token = sign(user, granted(user, scopes));
    const offline = url.searchParams.get('offline_token') === 'true' && user !== '' ? { refresh_token: refreshToken } : {};
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(request.method === 'POST' ? { access_token: token, expires_in: 300 } : { token, expires_in: 300, ...offline }));
  });
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
