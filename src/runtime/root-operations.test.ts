/** What the helper does with hostile roots, and with the mounts a container may ask for. Needs root and a built helper. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createLauncher } from './launcher.ts';
import type { Operation } from './plan/operations.ts';
import { mountInFlag } from './plan/operations.ts';
import type { Launcher } from './shim.ts';
import { containerPlan, endContainers, helperPath, launchRequest, makeSandbox } from './testing/plain-container.ts';
import { failureOf } from './testing/failure.ts';
import type { PlanOptions, Sandbox } from './testing/plain-container.ts';

const missing =
  process.getuid?.() !== 0 ? 'needs root' : existsSync(helperPath) ? undefined : 'needs native/build/caisson-shim';
const because = { reason: 'test' } as const;

let sandbox: Sandbox;
let launcher: Launcher;
let number = 0;

/** Runs a shell command and returns what it wrote to stdout, from its log. */
async function shell(command: string, options: Omit<PlanOptions, 'argv'> = {}): Promise<string> {
  number += 1;
  const request = launchRequest(
    sandbox,
    number,
    containerPlan(sandbox.root, { ...options, argv: ['sh', '-c', command] }),
  );
  const { shim } = await launcher.launch(request, []);
  await shim.exited;
  await shim.released;
  return readFileSync(join(sandbox.directory, `${number}.log`), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { log: string; stream: string })
    .map(({ log }) => log)
    .join('');
}

const mountIn = (
  fields: Partial<Extract<Operation, { name: 'mountIn' }>> & { target: string; type: string },
): Operation => ({
  name: 'mountIn',
  source: '',
  slot: -1,
  attributes: 0n,
  options: [],
  propagation: 0n,
  flags: 0,
  ...because,
  ...fields,
});

const outside = () => join(sandbox.directory, 'outside');

/** The helper as `docker run --init` has it. */
const runInit = (...argv: string[]) => Bun.spawnSync([helperPath, '--init-mode', '--', ...argv], { env: { PATH: '/usr/bin:/bin' } });

describe.skipIf(missing !== undefined)(`operations on the root${missing === undefined ? '' : ` (${missing})`}`, () => {
  beforeAll(() => {
    sandbox = makeSandbox();
    launcher = createLauncher({ helperPath, execRoot: sandbox.execRoot });
  });

  afterAll(async () => {
    await launcher.close();
    await endContainers(launcher, sandbox);
    sandbox.remove();
  });

  test('links in the image lead nowhere but into the root', async () => {
    mkdirSync(outside(), { recursive: true });
    symlinkSync(outside(), join(sandbox.root, 'absolute'));
    symlinkSync('../../../../../../../../..' + outside(), join(sandbox.root, 'relative'));
    symlinkSync('/nowhere/deep', join(sandbox.root, 'dangling'));
    const mounts: Operation[] = [
      mountIn({ type: 'tmpfs', target: '/absolute/made' }),
      { name: 'mkdirIn', path: '/relative/made', mode: 0o755, uid: 0, gid: 0, ...because },
      { name: 'mkdirIn', path: '/dangling/made', mode: 0o700, uid: 5, gid: 6, ...because },
      { name: 'symlinkIn', path: '/absolute/link', to: '/etc', ...because },
      {
        name: 'mknodIn',
        path: '/relative/../made-node',
        mode: 0o20600,
        major: 1,
        minor: 3,
        uid: 0,
        gid: 0,
        ...because,
      },
    ];
    const text = await shell(`ls ${outside()}; stat -c '%a %u %g' /nowhere/deep/made; ls /dev/null`, { mounts });
    expect(text).toBe('link\nmade\n700 5 6\n/dev/null\n');
    expect(readdirSync(outside())).toEqual([]);
    rmSync(join(sandbox.root, 'absolute'));
    rmSync(join(sandbox.root, 'relative'));
  });

  test('a link that turns in circles is refused', async () => {
    symlinkSync('circle-b', join(sandbox.root, 'circle-a'));
    symlinkSync('circle-a', join(sandbox.root, 'circle-b'));
    expect((await failureOf(shell('true', { mounts: [mountIn({ type: 'tmpfs', target: '/circle-a/x' })] }))).failure.errno).toBe(40);
  });

  test('masked paths that are links do not reach the host', async () => {
    symlinkSync('/proc/self/root/etc/hostname', join(sandbox.root, 'magic'));
    await shell('true', { mounts: [{ name: 'readonlyPaths', paths: ['/etc'], ...because }] });
    expect((await failureOf(shell('true', { mounts: [{ name: 'maskPaths', paths: ['/magic'], ...because }] }))).failure).toMatchObject({ errno: 40, object: '/magic' });
  });

  test('masks are read-only, so that nobody changes a device of the host through them', async () => {
    const text = await shell('echo x > /proc/keys && echo written; mount | grep -c "/proc/keys .*(ro,nosuid,noexec"');
    expect(text).toBe('written\n1\n');
    expect(await shell('mount', { mounts: [{ name: 'maskPaths', paths: ['/tmp'], ...because }] })).toContain('tmpfs on /tmp type tmpfs (ro,');
  });

  test.each(['/proc/sys/kernel', '/proc/nowhere', '/proc/scsi', '/link/version'])('nothing covers %s', async (target) => {
    const link = join(sandbox.root, 'link');
    symlinkSync('proc', link);
    const mounts = ['tmpfs', 'bind'].map((type) => mountIn({ type, source: '/etc/passwd', target }));
    for (const mount of mounts) expect((await failureOf(shell('true', { mounts: [mount] }))).failure).toMatchObject({ errno: 18, object: target });
    rmSync(link);
  });

  test('some files of /proc may be covered, and /proc only by a procfs', async () => {
    const file = join(sandbox.directory, 'uptime');
    writeFileSync(file, 'long\n');
    expect(await shell('cat /proc/uptime', { mounts: [mountIn({ type: 'bind', source: file, target: '/proc/uptime' })] })).toBe('long\n');
    expect(await shell('cat /proc/uptime', { mounts: [mountIn({ type: 'proc', target: '/proc' })] })).not.toBe('');
    expect((await failureOf(shell('true', { mounts: [mountIn({ type: 'tmpfs', target: '/proc' })] }))).failure.errno).toBe(18);
  });

  test('the host section raises or lowers the limits of the new process', async () => {
    const limit: Operation = { name: 'setrlimit', resource: 7, soft: 77n, hard: 78n, ...because };
    expect(await shell('ulimit -n; ulimit -Hn', { host: [limit] })).toBe('77\n78\n');
  });

  test('binds files and directories, read-only if asked', async () => {
    const directory = join(sandbox.directory, 'shared');
    const file = join(sandbox.directory, 'file');
    mkdirSync(directory, { recursive: true });
    writeFileSync(file, 'content\n');
    const text = await shell('echo x > /a/b/new; cat /c/d; echo x 2>/dev/null > /c/d || echo read-only', {
      mounts: [
        mountIn({ type: 'bind', source: directory, target: '/a/b' }),
        mountIn({ type: 'bind', source: file, target: '/c/d', attributes: 1n }),
        mountIn({ type: 'bind', source: '/nowhere', target: '/e', flags: mountInFlag.optional }),
      ],
    });
    expect(text).toContain('content\n');
    expect(text).toContain('read-only');
    expect(readFileSync(join(directory, 'new'), 'utf8')).toBe('x\n');
    expect(readFileSync(file, 'utf8')).toBe('content\n');
  });

  test('a tmpfs takes its options, and the mode of what it covers', async () => {
    chmodSync(join(sandbox.root, 'tmp'), 0o1777);
    const text = await shell('stat -c %a /tmp; mount | grep " /tmp "', {
      mounts: [
        mountIn({
          type: 'tmpfs',
          target: '/tmp',
          options: ['size=128k'],
          attributes: 0xen,
          flags: mountInFlag.copyTargetMode,
        }),
      ],
    });
    expect(text).toStartWith('1777\n');
    expect(
      await shell('cat /proc/self/mountinfo', {
        mounts: [mountIn({ type: 'tmpfs', target: '/tmp', options: ['size=128k'], attributes: 0xen })],
      }),
    ).toMatch(/ \/tmp rw,nosuid,nodev,noexec,relatime.*[ ,]size=128k/);
  });

  test('a wrong option is named', async () => {
    expect((await failureOf(shell('true', { mounts: [mountIn({ type: 'tmpfs', target: '/tmp', options: ['nonsense=1'] })] }))).failure).toMatchObject({ section: 'init', object: 'nonsense=1', errno: 22 });
  });

  test('an empty volume begins with what the image has, a full one stays as it is', async () => {
    const source = join(sandbox.root, 'data');
    const volume = join(sandbox.directory, 'volume');
    mkdirSync(join(source, 'sub'), { recursive: true });
    mkdirSync(volume);
    writeFileSync(join(source, 'sub/file'), 'from the image\n');
    chmodSync(join(source, 'sub/file'), 0o4751);
    chmodSync(source, 0o1770);
    symlinkSync('/etc/passwd', join(source, 'link'));
    const prepare: Operation[] = [{ name: 'openTree', slot: 0, path: volume, recursive: 1, idmap: -1, ...because }];
    const mounts: Operation[] = [
      { name: 'copyUp', source: '/data', slot: 0, ...because },
      mountIn({ type: 'slot', slot: 0, target: '/data' }),
    ];
    expect(
      await shell('cat /data/sub/file; readlink /data/link; echo changed > /data/sub/file', { prepare, mounts }),
    ).toBe('from the image\n/etc/passwd\n');
    expect(statSync(volume).mode & 0o7777).toBe(0o1770);
    expect(readFileSync(join(volume, 'sub/file'), 'utf8')).toBe('changed\n');
    expect(readFileSync(join(source, 'sub/file'), 'utf8')).toBe('from the image\n');
    rmSync(join(volume, 'link'));
    expect(await shell('ls /data', { prepare, mounts })).toBe('sub\n');
  });

  test('the root can be read-only', async () => {
    expect(
      await shell('echo x 2>/dev/null > /file || echo read-only', { mounts: [{ name: 'readonlyRoot', ...because }] }),
    ).toContain('read-only');
  });

  test('host paths are gone after pivotRoot', async () => {
    expect((await failureOf(shell('true', { extra: [{ name: 'mkdir', path: '/x', mode: 0o755, ...because }] }))).failure).toMatchObject({ errno: 1 });
  });
});

describe('init mode', () => {
  test.skipIf(!existsSync(helperPath)).each([
    [['sh', '-c', 'exit 7'], 7],
    [['sh', '-c', 'kill -9 $$'], 137],
    [['/nowhere'], 127],
    [['nowhere'], 127],
    [['/etc/passwd'], 126],
    [['/etc'], 126],
  ] as const)('%j ends with %d', (argv, code) => {
    const { exitCode, stderr } = runInit(...argv);
    expect(exitCode).toBe(code);
    if (argv[0].includes('where'))
      expect(stderr.toString()).toBe(`docker-init: ${argv[0]}: no such file or directory\n`);
  });

  test.skipIf(!existsSync(helperPath))('passes signals on', async () => {
    const child = Bun.spawn(
      [helperPath, '--init-mode', '--', 'sh', '-c', 'trap "exit 9" TERM; echo ready; while :; do sleep 0.01; done'],
      { stdout: 'pipe' },
    );
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill('SIGTERM');
    expect(await child.exited).toBe(9);
  });
});
