/**
 * The unmodified docker command against the API with a stub engine behind it. Needs the `docker` client, not a Docker
 * daemon.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notFound } from '../errors.ts';
import type { ApiServer } from './server.ts';
import { createApiServer } from './server.ts';
import { containerId, stubEngine } from './testing/stub-engine.ts';

const directory = mkdtempSync(join(tmpdir(), 'caisson-cli-'));
const docker = Bun.which('docker');
if (docker === null) console.warn('docker-cli.test.ts is skipped: there is no docker command on PATH');

/** Runs docker; `input` goes to its stdin, which is then closed. */
function run(args: string[], input = ''): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(docker as string, ['-H', `unix://${directory}/docker.sock`, ...args], { env: { PATH: process.env['PATH'], DOCKER_CONFIG: directory } });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(input);
  });
}

const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

async function* load(tar: AsyncIterable<Uint8Array>) {
  let bytes = 0;
  for await (const chunk of tar) bytes += chunk.length;
  yield { stream: `Loaded ${bytes} bytes\n` };
}

async function* save() {
  yield Buffer.from('an archive');
}

async function create(_name: string | undefined, { Image }: { Image?: string }) {
  if (Image === 'missing') throw notFound('No such image: missing:latest');
  return { Id: containerId, Warnings: [] };
}

describe.skipIf(docker === null)('docker', () => {
  let server: ApiServer;

  beforeAll(async () => {
    server = createApiServer({ engine: stubEngine({ service: { load, save }, containers: { create } }), logger, version: '0.1.0' });
    await server.listen(`unix://${directory}/docker.sock`);
  });

  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });

  test.each([
    [['version', '--format', '{{.Server.APIVersion}} {{.Server.Version}}'], '1.51 0.1.0\n'],
    [['ps', '--format', '{{.ID}} {{.Names}}'], 'c0ffeec0ffee echo\n'],
    [['images', '--format', '{{.Repository}}:{{.Tag}}'], 'stub:latest\n'],
    [['logs', 'echo'], 'a line\n'],
    [['inspect', '--format', '{{.State.Status}}', 'echo'], 'running\n'],
    [['stop', 'echo'], 'echo\n'],
    [['rm', '-f', 'echo'], 'echo\n'],
    [['network', 'ls', '--format', '{{.Name}}'], 'bridge\nhost\nnone\n'],
    [['volume', 'ls', '-q'], ''],
    [['info', '--format', '{{.Name}}'], 'stub\n'],
    [['save', 'stub'], 'an archive'],
    [['events', '--until', '0s'], ''],
    [['system', 'df', '--format', '{{.Type}}'], 'Images\nContainers\nLocal Volumes\nBuild Cache\n'],
  ])('%p', async (args, stdout) => {
    expect(await run(args)).toEqual({ code: 0, stdout, stderr: '' });
  });

  test('run copies both ways and ends with the exit code', async () => {
    expect(await run(['run', '-i', '--rm', 'stub', 'cat'], 'hello')).toEqual({ code: 7, stdout: 'hello', stderr: '' });
  });

  test('exec copies both ways and ends with the exit code', async () => {
    const big = 'x'.repeat(1_000_000);
    const { code, stdout } = await run(['exec', '-i', 'echo', 'cat'], big);
    expect([code, stdout.length, stdout === big]).toEqual([3, big.length, true]);
    expect(await run(['exec', '-d', 'echo', 'cat'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('load sends an archive', async () => {
    writeFileSync(join(directory, 'image.tar'), Buffer.alloc(3_000_000));
    expect(await run(['load', '-i', join(directory, 'image.tar')])).toMatchObject({ code: 0, stdout: 'Loaded 3000000 bytes\n' });
  });

  test('run of an image that is not here asks for it', async () => {
    const { code, stderr } = await run(['run', '--rm', 'missing', 'true']);
    expect(code).toBe(125);
    expect(stderr).toContain("Unable to find image 'missing:latest' locally");
  });

  test('what is not served says so', async () => {
    const { code, stderr } = await run(['plugin', 'install', '--grant-all-permissions', 'echo']);
    expect([code, stderr.trim()]).toEqual([1, 'Error response from daemon: installing plugins is not implemented by Caisson yet']);
  });
});
