/** Docker Compose: a project with networks, aliases, health, volumes and several containers of a service, from `up` to `down`. */
import { expect } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../support/command.ts';
import { installPlugins } from '../support/plugins.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, needs } = useEngine({ bridge: true }, 'nf-tables', 'compose');
const it = requires(...needs);

const project = `
services:
  db:
    image: busybox
    command: ["sh", "-c", "until [ -e /data/asked ]; do sleep 0.1; done; touch /ready; echo db is ready; exec sleep 1000"]
    healthcheck: { test: ["CMD", "test", "-e", "/ready"], interval: 200ms, retries: 500 }
    networks: { back: { aliases: [database] } }
    volumes: ["data:/data"]
    stop_grace_period: 0s
  nudge:
    image: busybox
    command: ["touch", "/data/asked"]
    network_mode: none
    volumes: ["data:/data"]
  web:
    image: busybox
    depends_on: { db: { condition: service_healthy }, nudge: { condition: service_completed_successfully } }
    command: ["sh", "-c", "nslookup database; echo $$GREETING > /www; exec tcpsvd 0 80 cat /www"]
    ports: ["8080:80", "127.0.0.1:9000-9001:90-91"]
    environment: { GREETING: hello }
    networks: [front, back]
    stop_grace_period: 0s
  worker:
    image: busybox
    command: ["sleep", "1000"]
    networks: [back]
    configs: [{ source: conf, target: /etc/conf }]
    stop_grace_period: 0s
configs: { conf: { content: "one=1" } }
networks:
  front: {}
  back: { internal: true, ipam: { config: [{ subnet: 10.201.0.0/24, gateway: 10.201.0.1 }] } }
volumes: { data: {} }
`;

const directory = (): string => path.join(subject.engine.scratch, 'shop');

async function compose(...words: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return subject.docker('compose', '--ansi', 'never', '--progress', 'plain', '--project-directory', directory(), '-f', path.join(directory(), 'compose.yaml'), ...words);
}

/** Standard output of one that must succeed. */
async function output(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await compose(...words);
  if (code !== 0) throw new Error(`compose ${words.join(' ')}: ${code} ${stdout}${stderr}`);
  return stdout.trim();
}

function write(text: string): void {
  mkdirSync(directory(), { recursive: true });
  writeFileSync(path.join(directory(), 'compose.yaml'), text);
}

const states = async () => (await output('ps', '--format', '{{.Service}} {{.State}} {{.Health}}')).split('\n').map((line) => line.trim()).toSorted();

it('up starts services when those they depend on are healthy, or have done their work', async () => {
  installPlugins(subject.environment['DOCKER_CONFIG'] as string);
  write(project);
  await output('up', '-d');
  expect(await states()).toEqual(['db running healthy', 'web running', 'worker running']);
  expect(await output('logs', '--no-log-prefix', 'db')).toBe('db is ready');
  const database = await subject.inspect('shop-db-1', '{{.NetworkSettings.Networks.shop_back.IPAddress}}');
  expect(await output('logs', '--no-color', 'web')).toContain(`web-1  | Address: ${database}`);
  expect(await output('exec', '-T', 'worker', 'cat', '/etc/conf')).toBe('one=1');
});

it('ports are published, and shown', async () => {
  expect(await output('ps', '--format', '{{.Ports}}', 'web')).toBe('0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 127.0.0.1:9000->90/tcp, 127.0.0.1:9001->91/tcp');
  expect(await output('port', 'web', '91')).toBe('127.0.0.1:9001');
  expect(await output('exec', '-T', 'web', 'nc', '-w', '5', 'web', '80')).toBe('hello');
});

it('a service of several containers has the addresses of all, in turn', async () => {
  await output('up', '-d', '--no-recreate', '--scale', 'worker=3');
  const look = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do nslookup -type=a worker | grep "Address: 10.201"; echo; done';
  const answers = (await output('exec', '-T', 'web', 'sh', '-c', look)).split('\n\n').map((each) => each.trim().split('\n'));
  const addresses = new Set(answers[0]);
  expect(addresses.size).toBe(3);
  for (const each of answers) expect(new Set(each)).toEqual(addresses);
  expect(new Set(answers.map(([first]) => first)).size).toBeGreaterThan(1);
});

it('what has not changed is left alone; one that is made anew keeps its volumes and its names', async () => {
  const [db, web] = [await subject.inspect('shop-db-1', '{{.Id}}'), await subject.inspect('shop-web-1', '{{.Id}}')];
  await output('up', '-d', '--force-recreate', '--no-deps', 'web');
  expect(await subject.inspect('shop-db-1', '{{.Id}}')).toBe(db);
  expect(await subject.inspect('shop-web-1', '{{.Id}}')).not.toBe(web);
  expect(await output('exec', '-T', 'db', 'ls', '/data')).toBe('asked');
  expect(await output('run', '--rm', '-T', 'worker', 'nslookup', 'database')).toContain('Address: 10.201.0.');
});

it('down ends all, and takes networks and volumes along', async () => {
  await output('down', '-v');
  expect(await subject.output('ps', '-aq')).toBe('');
  expect(await subject.output('network', 'ls', '--format', '{{.Name}}')).toBe('bridge\nhost\nnone');
  expect(await subject.output('volume', 'ls', '-q')).toBe('');
});

it('a service that never gets healthy, and one that fails, keep others from being started', async () => {
  write(`
services:
  app: { image: busybox, command: ["sleep", "1000"], depends_on: { sick: { condition: service_healthy } }, stop_grace_period: 0s }
  sick: { image: busybox, command: ["sleep", "1000"], healthcheck: { test: ["CMD", "false"], interval: 100ms, retries: 2 }, stop_grace_period: 0s }
  after: { image: busybox, command: ["true"], depends_on: { broken: { condition: service_completed_successfully } } }
  broken: { image: busybox, command: ["false"] }
`);
  expect(await compose('up', '-d', 'app')).toMatchObject({ code: 1, stderr: expect.stringContaining('dependency failed to start: container shop-sick-1 is unhealthy') });
  expect(await compose('up', '-d', 'after')).toMatchObject({ code: 1, stderr: expect.stringContaining('service "broken" didn\'t complete successfully: exit 1') });
  await output('down', '-v');
});

it("the exit code of a service is that of up, with its output; a port that somebody has is Docker's error", async () => {
  write(`
services:
  app: { image: busybox, command: ["sh", "-c", "echo one; exit 3"] }
  first: { image: busybox, command: ["sleep", "1000"], ports: ["8099:80"], stop_grace_period: 0s }
  second: { image: busybox, command: ["sleep", "1000"], ports: ["8099:80"], stop_grace_period: 0s }
`);
  expect(await compose('up', '--exit-code-from', 'app', 'app')).toMatchObject({ code: 3, stdout: expect.stringContaining('app-1  | one') });
  await output('up', '-d', 'first');
  expect((await compose('up', '-d', 'second')).stderr).toContain('Bind for 0.0.0.0:8099 failed: port is already allocated');
  await output('down', '-v');
});

requires('engine', 'root', 'docker-cli', 'overlay', 'cgroups', 'nf-tables', 'compose-1')('Compose of the first version, which speaks an older API, does the same', async () => {
  write(`
version: "3.9"
services:
  db:
    image: busybox
    command: ["sleep", "1000"]
    healthcheck: { test: ["CMD", "true"], interval: 200ms, retries: 50 }
    networks: { back: { aliases: [database] } }
    volumes: ["data:/data"]
    stop_grace_period: 0s
  web:
    image: busybox
    depends_on: { db: { condition: service_healthy } }
    command: ["sleep", "1000"]
    ports: ["8080:80"]
    networks: [front, back]
    stop_grace_period: 0s
networks: { front: {}, back: { internal: true } }
volumes: { data: {} }
`);
  const first = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(['docker-compose', '-f', path.join(directory(), 'compose.yaml'), ...words], { env: subject.environment });
    if (code !== 0) throw new Error(`docker-compose ${words.join(' ')}: ${code} ${stdout}${stderr}`);
    return stdout.trim();
  };
  await first('up', '-d', '--scale', 'db=2');
  expect(await first('ps')).toMatch(/shop_web_1 .* Up .* 0\.0\.0\.0:8080->80\/tcp,:::8080->80\/tcp/);
  expect(await first('exec', '-T', 'web', 'nslookup', 'database')).toContain('Address: 172.');
  expect(await first('run', '--rm', '-T', 'db', 'echo', 'once')).toBe('once');
  await first('down', '-v');
  expect([await subject.output('ps', '-aq'), await subject.output('volume', 'ls', '-q')]).toEqual(['', '']);
});

leavesNothingBehind(subject);
