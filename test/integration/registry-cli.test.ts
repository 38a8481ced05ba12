/** The `caisson` command and registries. */
import { beforeAll, expect } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { baseLayer, dockerArchive, imageConfig } from '../support/archives.ts';
import { type CommandOptions, type Result, run } from '../support/command.ts';
import { caissonCommand } from '../support/engine.ts';
import { FakeRegistry, RealRegistry, startTokenServer } from '../support/registry.ts';
import { missing } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine({}, 'docker-registry', 'openssl', 'caisson');

if (missing(...needs) === undefined) {
  beforeAll(async () => {
    const keys = mkdtempSync(path.join(tmpdir(), 'registry-keys-'));
    subject.companions.push(async () => rmSync(keys, { recursive: true }));
    writeFileSync(path.join(keys, 'htpasswd'), `alice:${await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })}\n`);
    await RealRegistry.start(subject, { port: 5003, extra: `auth: {htpasswd: {realm: test, path: ${keys}/htpasswd}}` });
    const tokens = await startTokenServer(subject, 5008);
    await RealRegistry.start(subject, { port: 5004, extra: tokens.auth });
    const config = imageConfig([baseLayer()], { config: { Cmd: ['/bin/echo', 'hello'] } });
    await subject.output('load', { stdin: dockerArchive([{ tags: ['localhost:5003/app:latest', 'localhost:5004/app:latest'], layers: [baseLayer()], config }]) });
  });
}

const caisson = (words: readonly string[], options: CommandOptions = {}): Promise<Result> =>
  run([...caissonCommand(), '--host', subject.engine.host, ...words], { ...options, env: subject.environment });
const configFile = () => path.join(subject.environment['DOCKER_CONFIG'] as string, 'config.json');
const stored = () => JSON.parse(readFileSync(configFile(), 'utf8')) as { auths: Record<string, object> };

it('logs in, pushes, pulls and logs out', async () => {
  expect((await caisson(['push', 'localhost:5003/app'])).stderr).toContain('no basic auth credentials');
  expect(await caisson(['login', '-u', 'alice', '--password-stdin', 'localhost:5003'], { stdin: 'secret\n' })).toMatchObject({ code: 0, stdout: 'Login Succeeded\n' });
  expect(stored().auths).toEqual({ 'localhost:5003': { auth: Buffer.from('alice:secret').toString('base64') } });
  expect(statSync(configFile()).mode & 0o777).toBe(0o600);
  const pushed = await caisson(['push', 'localhost:5003/app']);
  expect(pushed.stdout).toContain('Using default tag: latest\nThe push refers to repository [localhost:5003/app]\n');
  expect(pushed.stdout).toMatch(/^latest: digest: sha256:[0-9a-f]{64} size: \d+$/m);
  await subject.output('rmi', 'localhost:5003/app');
  expect((await caisson(['run', '--rm', 'localhost:5003/app'])).stdout).toBe('hello\n');
  expect((await caisson(['logout', 'localhost:5003'])).stdout).toBe('Removing login credentials for localhost:5003\n');
  expect((await caisson(['logout', 'localhost:5003'])).stdout).toBe('Not logged in to localhost:5003\n');
  expect((await caisson(['pull', 'localhost:5003/app'])).stderr).toContain('no basic auth credentials');
});

it('keeps the token that a token server gives, not the password; the docker command uses it, too', async () => {
  await caisson(['login', '-u', 'alice', '--password-stdin', 'localhost:5004'], { stdin: 'secret' });
  expect(stored().auths['localhost:5004']).toEqual({ auth: Buffer.from('alice:').toString('base64'), identitytoken: 'refresh-of-alice' });
  expect(await caisson(['push', '-q', 'localhost:5004/app:latest'])).toMatchObject({ code: 0, stdout: 'localhost:5004/app:latest\n' });
  await subject.output('pull', 'localhost:5004/app');
});

it('a wrong password is not kept', async () => {
  const { code, stderr } = await caisson(['login', '-u', 'alice', '-p', 'wrong', 'localhost:5003']);
  expect(code).toBe(1);
  expect(stderr).toContain('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
  expect(stderr).toContain('login attempt to http://localhost:5003/v2/ failed with status: 401 Unauthorized');
  expect(Object.keys(stored().auths)).toEqual(['localhost:5004']);
});

it('searches', async () => {
  const { address } = await FakeRegistry.start(subject);
  const { stdout } = await caisson(['search', '--filter', 'stars=3', `${address}/box`]);
  expect(stdout.split('\n').map((line) => line.trim().split(/\s{2,}/))).toEqual([['NAME', 'DESCRIPTION', 'STARS', 'OFFICIAL'], ['busybox', 'small', '5', '[OK]'], ['']]);
});

leavesNothingBehind(subject, 'docker-registry', 'openssl');
