/** Registries that want to know who asks, that speak TLS, and that others stand in for. */
import { beforeAll, expect } from 'bun:test';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { baseLayer, dockerArchive, imageConfig } from '../support/archives.ts';
import { FakeRegistry, makeCertificate, RealRegistry, skopeo, startTokenServer } from '../support/registry.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

/** An address that is not loopback: those need no certificate. */
const host = '10.99.98.97';
const prepare = `"$0" ip addr add ${host}/32 dev lo; mkdir $scratch/etc-upper $scratch/etc-work; mount -t overlay -o lowerdir=/etc,upperdir=$scratch/etc-upper,workdir=$scratch/etc-work overlay /etc`;
const { subject, it, needs } = useEngine(
  { prepare, args: ['--insecure-registry', `${host}:5007`, '--registry-mirror', 'http://127.0.0.1:5000'] }, 'docker-registry', 'skopeo', 'openssl');
const inCaisson = requires(...needs, 'caisson');

let tokens: Awaited<ReturnType<typeof startTokenServer>>;
let keys: string;
const archive = () => dockerArchive([{ layers: [baseLayer()], config: imageConfig([baseLayer()], { config: { Cmd: ['/bin/echo', 'fetched'] } }) }]);

/** The directory of a registry's certificates, as the engine sees it. */
function certificates(registry: string): string {
  const directory = path.join(`/proc/${subject.engine.namespaces.pid}/root/etc/docker/certs.d`, registry);
  mkdirSync(directory, { recursive: true });
  return directory;
}

if (missing(...needs) === undefined) {
  beforeAll(async () => {
    keys = mkdtempSync(path.join(tmpdir(), 'registry-keys-'));
    subject.companions.push(async () => rmSync(keys, { recursive: true }));
    makeCertificate(keys, 'ca', ['/CN=test authority']);
    makeCertificate(keys, 'server', ['/CN=registry', `IP:${host}`], 'ca');
    makeCertificate(keys, 'client', ['/CN=client'], 'ca');
    tokens = await startTokenServer(subject, 5008);
    const passwords = path.join(keys, 'htpasswd');
    writeFileSync(passwords, `alice:${await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })}\n`);
    const [plain] = await Promise.all([
      RealRegistry.start(subject),
      RealRegistry.start(subject, { port: 5003, extra: `auth: {htpasswd: {realm: test, path: ${passwords}}}` }),
      RealRegistry.start(subject, { port: 5004, extra: tokens.auth }),
      RealRegistry.start(subject, { host, port: 5005, http: `  tls: {certificate: ${keys}/server.crt, key: ${keys}/server.key}` }),
      RealRegistry.start(subject, { host, port: 5006, http: `  tls: {certificate: ${keys}/server.crt, key: ${keys}/server.key, clientcas: [${keys}/ca.crt]}` }),
      RealRegistry.start(subject, { host, port: 5007 }),
      RealRegistry.start(subject, { host, port: 5009 }),
    ]);
    await plain.put(archive(), 'library/mirrored:latest');
    await plain.put(archive(), 'team/app:latest');
    await subject.output('load', { stdin: dockerArchive([{ tags: ['app:latest'], layers: [baseLayer()], config: imageConfig([baseLayer()]) }]) });
  });
}

const login = (registry: string, user: string, password: string) => subject.docker('login', '-u', user, '--password-stdin', registry, { stdin: password });
/** Base64 of URLs, padded: Docker takes no other. */
const encode = (credentials: object) => Buffer.from(JSON.stringify(credentials)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
const anonymous = encode({});
const alice = encode({ username: 'alice', password: 'secret' });
const impostor = encode({ username: 'alice', password: 'wrong' });

async function ask(method: string, target: string, credentials: string): Promise<[status: number, message: string | undefined]> {
  const answer = await subject.api.request(method, target, undefined, { 'x-registry-auth': credentials });
  const last = JSON.parse(answer.body.toString().trim().split('\r\n').at(-1) as string) as { message?: string; error?: string };
  return [answer.status, last.message ?? last.error];
}
const pull = (image: string, credentials: string) => ask('POST', `/images/create?fromImage=${image}&tag=latest`, credentials);
const push = (image: string, credentials: string) => ask('POST', `/images/${image}/push?tag=latest`, credentials);
const pushAs = async (name: string): Promise<void> => {
  await subject.output('tag', 'app', name);
  await subject.output('push', name);
  await subject.output('rmi', name);
  await subject.output('pull', name);
};

it('logs in with a password, and then pushes and pulls', async () => {
  expect((await login('localhost:5003', 'alice', 'wrong')).stderr).toContain('login attempt to http://localhost:5003/v2/ failed with status: 401 Unauthorized');
  expect((await login('localhost:5003', 'alice', 'secret')).stdout).toContain('Login Succeeded');
  await pushAs('localhost:5003/app:latest');
  await subject.output('logout', 'localhost:5003');
  expect((await subject.docker('pull', 'localhost:5003/app')).stderr).toContain('no basic auth credentials');
});

it('without a password, or with a wrong one, it says so', async () => {
  await subject.output('tag', 'app', 'localhost:5003/other:latest');
  expect(await pull('localhost:5003/app', anonymous)).toEqual([500, 'Head "http://localhost:5003/v2/app/manifests/latest": no basic auth credentials']);
  expect(await pull('localhost:5003/app', impostor)).toEqual([401, 'unauthorized: authentication required']);
  expect(await push('localhost:5003/other', anonymous)).toEqual([200, 'no basic auth credentials']);
  expect(await push('localhost:5003/other', impostor)).toEqual([200, 'unauthorized: authentication required']);
  expect(await ask('GET', '/distribution/localhost:5003/app/json', anonymous)).toEqual([500, 'Head "http://localhost:5003/v2/app/manifests/latest": no basic auth credentials']);
});

it('logs in at a token server, which gives a token for the password', async () => {
  const answer = await subject.api.json<{ IdentityToken: string; Status: string }>('POST', '/auth', { username: 'alice', password: 'secret', serveraddress: 'localhost:5004' });
  expect(answer).toEqual({ IdentityToken: 'refresh-of-alice', Status: 'Login Succeeded' });
  expect((await login('localhost:5004', 'alice', 'secret')).stdout).toContain('Login Succeeded');
  await pushAs('localhost:5004/private/app:latest');
  expect(tokens.requests().some(({ method }) => method === 'POST')).toBe(true);
  await subject.output('logout', 'localhost:5004');
});

it('asks the token server for what it is about to do, and for no more', async () => {
  await subject.output('tag', 'app', 'localhost:5004/open/app:latest');
  expect(await push('localhost:5004/open/app', alice)).toEqual([200, undefined]);
  expect(await pull('localhost:5004/open/app', anonymous)).toEqual([200, undefined]);
  const scopes = tokens.requests().flatMap(({ query }) => query.filter(([name]) => name === 'scope').map(([, scope]) => scope));
  expect(scopes.at(-1)).toBe('repository:open/app:pull');
  expect(scopes.some((scope) => /^repository:open\/app:(push,pull|pull,push)$/.test(scope))).toBe(true);
});

it('what a token does not allow is denied', async () => {
  expect(await pull('localhost:5004/private/app', anonymous)).toEqual([
    404, "pull access denied for localhost:5004/private/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"]);
  // Docker tells all that the registry said, in a list.
  expect((await push('localhost:5004/open/app', anonymous))[1]).toContain('denied: requested access to the resource is denied');
  expect(await pull('localhost:5004/open/app', impostor)).toEqual([401, 'Head "http://localhost:5004/v2/open/app/manifests/latest": unauthorized: incorrect username or password']);
  expect(await push('localhost:5004/open/app', impostor)).toEqual([200, 'unauthorized: incorrect username or password']);
  const answer = await subject.api.request('POST', '/auth', { username: 'alice', password: 'wrong', serveraddress: 'localhost:5004' });
  expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([401, { message: 'Get "http://localhost:5004/v2/": unauthorized: incorrect username or password' }]);
});

it('an authority of which nobody knows is refused; one in certs.d is known at once', async () => {
  const name = `${host}:5005/app:latest`;
  expect((await subject.docker('pull', name)).stderr).toContain(`Get "https://${host}:5005/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`);
  copyFileSync(path.join(keys, 'ca.crt'), path.join(certificates(`${host}:5005`), 'ca.crt'));
  await pushAs(name);
});

it('shows its own certificate where one is asked for', async () => {
  const directory = certificates(`${host}:5006`);
  copyFileSync(path.join(keys, 'ca.crt'), path.join(directory, 'ca.crt'));
  copyFileSync(path.join(keys, 'client.crt'), path.join(directory, 'client.cert'));
  expect((await subject.docker('pull', `${host}:5006/app`)).stderr).toContain('missing key client.key for client certificate client.cert. CA certificates must use the extension .crt');
  copyFileSync(path.join(keys, 'client.key'), path.join(directory, 'client.key'));
  await pushAs(`${host}:5006/app:latest`);
});

it('speaks without TLS to insecure registries alone', async () => {
  await pushAs(`${host}:5007/app:latest`);
  expect((await subject.docker('pull', `${host}:5009/app`)).stderr).toContain(`Get "https://${host}:5009/v2/": http: server gave HTTP response to HTTPS client`);
});

it('asks mirrors of Docker Hub first', async () => {
  const output = await subject.output('pull', 'mirrored');
  expect(output).toContain('latest: Pulling from library/mirrored');
  expect(output).toContain('Status: Downloaded newer image for mirrored:latest');
  expect(await subject.output('run', '--rm', 'mirrored')).toBe('fetched');
  expect((await subject.docker('pull', 'not-mirrored')).stderr).toContain('Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io');
});

inCaisson('hosts.toml names mirrors of any registry', async () => {
  const file = path.join(certificates('far.example'), 'hosts.toml');
  writeFileSync(file, `server = "https://far.example"\n[host."http://127.0.0.1:5999"]\n[host."http://127.0.0.1:5000"]\n  capabilities = ["pull", "resolve"]\n`);
  expect(await subject.output('pull', 'far.example/team/app')).toContain('Status: Downloaded newer image for far.example/team/app:latest');
  writeFileSync(file, '[host."http://127.0.0.1:5000"]\n  capabilities = ["pull"]\n');
  expect((await subject.docker('pull', 'far.example/team/app')).stderr).toContain('lookup far.example');
  writeFileSync(file, '[host\n');
  expect((await subject.docker('pull', 'far.example/team/app')).stderr).toContain('hosts.toml: ');
});

it('info tells of insecure registries and mirrors', async () => {
  const { RegistryConfig } = await subject.api.json<{ RegistryConfig: { IndexConfigs: Record<string, object>; Mirrors: string[]; InsecureRegistryCIDRs: string[] } }>('GET', '/info');
  expect(RegistryConfig.Mirrors).toEqual(['http://127.0.0.1:5000/']);
  expect(RegistryConfig.InsecureRegistryCIDRs).toEqual(['::1/128', '127.0.0.0/8']);
  expect(RegistryConfig.IndexConfigs).toMatchObject({ 'docker.io': { Mirrors: ['http://127.0.0.1:5000/'], Secure: true }, [`${host}:5007`]: { Official: false, Secure: false } });
});

it('describes what a registry has, without fetching it', async () => {
  const describe = (name: string) => subject.api.json<{ Descriptor: { mediaType: string; digest: string; size: number }; Platforms: object[] | null }>('GET', `/distribution/${name}/json`);
  const raw = await skopeo(subject, 'inspect', '--tls-verify=false', '--raw', 'docker://localhost:5000/team/app');
  const { Descriptor, Platforms } = await describe('localhost:5000/team/app');
  expect(Descriptor).toEqual({
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json', digest: `sha256:${new Bun.CryptoHasher('sha256').update(raw.stdout).digest('hex')}`, size: Buffer.byteLength(raw.stdout),
  });
  expect(Platforms).toEqual([{ architecture: 'amd64', os: 'linux' }]);
  expect(await describe(`localhost:5000/team/app@${Descriptor.digest}`)).toEqual({ Descriptor, Platforms });
  expect(await ask('GET', '/distribution/localhost:5000/nothing/json', anonymous)).toEqual([404, 'manifest unknown: manifest unknown']);
  expect(await ask('GET', `/distribution/${'a'.repeat(64)}/json`, anonymous)).toEqual([500, 'no manifest found for full image ID']);
});

it('searches where there is a search', async () => {
  const fake = await FakeRegistry.start(subject);
  const results = await subject.api.json<object[]>('GET', `/images/search?term=${fake.address}/box&filters=${encodeURIComponent('{"stars":["3"]}')}`);
  expect(results).toEqual([{ star_count: 5, is_official: true, name: 'busybox', is_automated: false, description: 'small' }]);
  expect(fake.requests().at(-1)?.url).toBe('/v1/search?q=box&n=25');
  const refused = (query: string) => ask('GET', `/images/search?${query}`, anonymous);
  expect(await refused('term=localhost:5000/foo')).toEqual([500, 'Unexpected status code 404']);
  expect(await refused('term=foo&limit=1000')).toEqual([400, 'limit 1000 is outside the range of [1, 100]']);
  expect(await refused('term=foo&limit=x')).toEqual([400, 'invalid limit specified: strconv.Atoi: parsing "x": invalid syntax']);
  expect(await refused(`term=foo&filters=${encodeURIComponent('{"is-official":["y"]}')}`)).toEqual([400, "invalid filter 'is-official=[y]'"]);
  expect(await refused(`term=foo&filters=${encodeURIComponent('{"xx":["y"]}')}`)).toEqual([400, "invalid filter 'xx'"]);
  expect(await refused('term=https://foo')).toEqual([400, 'invalid repository name: repository name (https://foo) should not have a scheme']);
});

leavesNothingBehind(subject, 'docker-registry', 'skopeo', 'openssl');
