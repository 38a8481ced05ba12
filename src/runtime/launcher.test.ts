/** The launcher and the helper against the real kernel: they need root and a built helper, and say so when they are skipped. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { createLauncher } from './launcher.ts';
import type { Operation } from './plan/operations.ts';
import { LaunchError } from './shim.ts';
import type { Attachment, Launcher } from './shim.ts';
import {
  containerPlan,
  endContainers,
  execPlan,
  helperPath,
  launchRequest,
  makeSandbox,
  noInput,
  onceInput,
  terminal,
} from './testing/plain-container.ts';
import { failureOf } from './testing/failure.ts';
import type { Sandbox } from './testing/plain-container.ts';

const missing =
  process.getuid?.() !== 0 ? 'needs root' : existsSync(helperPath) ? undefined : 'needs native/build/caisson-shim';
const output: Attachment = { options: { stdin: false, stdout: true, stderr: true } };
const everything: Attachment = { options: { stdin: true, stdout: true, stderr: true } };

let sandbox: Sandbox;
let launcher: Launcher;
let number = 0;

const mounts = () =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(sandbox.directory));
const log = () => readFileSync(join(sandbox.directory, `${number}.log`), 'utf8');
const logLines = () =>
  log()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { log: string; stream: string; time: string });

/** Dead, or a zombie that its new parent has yet to reap. */
const isDead = (pid: number) => {
  try {
    return / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
};

/** Reads a stream to its end. */
function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // An end without a byte before it is told once, to whoever listens then.
  if (socket.readableEnded) return Promise.resolve(Buffer.alloc(0));
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject);
  });
}

/** Takes Docker's frames apart: stream number to text. */
function demultiplex(data: Buffer): Record<number, string> {
  const streams: Record<number, string> = {};
  for (let at = 0; at < data.length;) {
    const [stream = 0, size] = [data[at], data.readUInt32BE(at + 4)];
    streams[stream] = (streams[stream] ?? '') + data.toString('utf8', at + 8, at + 8 + size);
    at += 8 + size;
  }
  return streams;
}

/** Runs a command to its end with its output attached. */
async function run(argv: readonly string[], plan: Partial<Parameters<typeof containerPlan>[1]> = {}) {
  number += 1;
  const { shim, streams } = await launcher.launch(
    launchRequest(sandbox, number, containerPlan(sandbox.root, { argv, ...plan })),
    [output],
  );
  const data = readAll(streams[0] as Socket);
  const record = await shim.exited;
  await shim.released;
  return { record, streams: demultiplex(await data) };
}

/** A container that sleeps until it is killed. */
async function start(argv: readonly string[] = ['sleep', '1000']) {
  number += 1;
  return (await launcher.launch(launchRequest(sandbox, number, containerPlan(sandbox.root, { argv })), [])).shim;
}

describe.skipIf(missing !== undefined)(`launcher${missing === undefined ? '' : ` (${missing})`}`, () => {
  beforeAll(() => {
    sandbox = makeSandbox();
    launcher = createLauncher({ helperPath, execRoot: sandbox.execRoot });
  });

  afterAll(async () => {
    await launcher.close();
    const left = mounts();
    const sockets = readdirSync(join(sandbox.execRoot, 'shims'));
    await endContainers(launcher, sandbox);
    sandbox.remove();
    expect(left).toEqual([]);
    expect(sockets).toEqual([]);
  });

  test('gives the output, the exit code and the record', async () => {
    const { record, streams } = await run(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect(record).toMatchObject({ exitCode: 3, signal: 0, oomKilled: false });
    expect(record.finishedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    expect(streams).toEqual({ 1: 'out\n', 2: 'err\n' });
    expect(launcher.readExitRecord(join(sandbox.directory, `${number}.exit`))).toEqual(record);
  });

  test('has its own namespaces, and nothing open but 0, 1, 2', async () => {
    const { streams } = await run(['sh', '-c', 'echo $$; hostname; echo /proc/[0-9]*; echo /proc/self/fd/*']);
    expect(streams[1]).toBe(
      '1\ncaisson\n/proc/1\n/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2\n'.replace('/2\n', '/2 /proc/self/fd/3\n'),
    );
  });

  test('hides and protects paths', async () => {
    const { streams } = await run([
      'sh',
      '-c',
      'wc -c < /proc/keys; echo 1 2>/dev/null > /proc/sys/kernel/pid_max || echo protected; ls /',
    ]);
    expect(streams[1]).toStartWith('0\nprotected\nbin\ndev\n');
  });

  test('writes the log as Docker does', async () => {
    await run(['sh', '-c', `printf 'a"b\\\\c<d>&\\t\\r\\n'; printf '\\xff\\xe2\\x80\\xa8\\xc3\\xa9'`]);
    const lines = log().split('\n');
    expect(lines[0]).toStartWith(
      String.raw`{"log":"a\"b\\c\u003cd\u003e\u0026\u0009\r\n","stream":"stdout","time":"20`,
    );
    expect(lines[1]).toStartWith(String.raw`{"log":"\ufffd\u2028` + 'é","stream":"stdout","time":"20');
    expect(logLines()[0]?.log).toBe('a"b\\c<d>&\t\r\n');
  });

  test('splits lines of more than 16 KiB, and loses none of a long output', async () => {
    const { streams } = await run([
      'sh',
      '-c',
      'head -c 40000 /dev/zero | tr "\\0" x; echo; yes 0123456789 | head -n 200000',
    ]);
    const records = logLines();
    expect(records.slice(0, 3).map((record) => record.log.length)).toEqual([16384, 16384, 40000 - 2 * 16384 + 1]);
    expect(records.length).toBe(200003);
    expect(records.map((record) => record.log).join('')).toBe(streams[1] as string);
  });

  test('rotates its log', async () => {
    number += 1;
    const request = launchRequest(
      sandbox,
      number,
      containerPlan(sandbox.root, { argv: ['sh', '-c', 'yes line | head -n 2000'] }),
    );
    const path = join(sandbox.directory, 'rotated.log');
    const { shim } = await launcher.launch({ ...request, log: { path, maxSize: 20_000, maxFiles: 3 } }, []);
    await shim.released;
    expect(
      readdirSync(sandbox.directory)
        .filter((name) => name.startsWith('rotated'))
        .sort(),
    ).toEqual(['rotated.log', 'rotated.log.1', 'rotated.log.2']);
    const old = readFileSync(`${path}.1`, 'utf8');
    expect(old.length).toBeGreaterThanOrEqual(20_000);
    expect(old.length).toBeLessThan(20_100);
    expect(old).toEndWith('"}\n');
  });

  test('tells which operation failed, and releases what was prepared', async () => {
    const released = join(sandbox.directory, 'made');
    const because = { reason: 'test' } as const;
    const error = await failureOf(
      run(['true'], {
        prepare: [{ name: 'mkdir', path: released, mode: 0o755, ...because }],
        extra: [{ name: 'chdir', path: '/nowhere', ...because }],
        release: [{ name: 'rmdir', path: released, ...because }],
      }),
    );
    expect(error.operation).toMatchObject({ name: 'chdir', path: '/nowhere' });
    expect(error.failure).toMatchObject({ section: 'init', errno: 2, object: '/nowhere' });
    expect(existsSync(released)).toBe(false);
  });

  test('tells a failed prepare and a failed host section', async () => {
    const because = { reason: 'test' } as const;
    const prepare = await failureOf(
      run(['true'], { prepare: [{ name: 'writeFile', path: '/nowhere/x', data: '', create: 0, mode: 0, ...because }] }),
    );
    expect(prepare.failure).toEqual({ section: 'prepare', index: 0, errno: 2, object: '/nowhere/x' });
    const host = await failureOf(
      run(['true'], { host: [{ name: 'writeProcess', file: 'oom_score_adj', data: '5000', ...because }] }),
    );
    expect(host.failure).toMatchObject({ section: 'host', index: 0, errno: 22 });
  });

  test('executes the host section while the init waits', async () => {
    const { streams } = await run(['cat', '/proc/self/oom_score_adj'], {
      host: [{ name: 'writeProcess', file: 'oom_score_adj', data: '123', reason: 'test' }],
    });
    expect(streams[1]).toBe('123\n');
  });

  test.each([
    ['/bin/nowhere', 2],
    ['/etc', 13],
  ])('cannot execute %s', async (path, errno) => {
    const error = await failureOf(run([path]));
    expect(error.operation?.name).toBe('execve');
    expect(error.failure).toMatchObject({ section: 'init', errno, object: path });
  });

  test('ends a command that reads its input when the client half-closes', async () => {
    number += 1;
    const { shim, streams } = await launcher.launch(
      launchRequest(sandbox, number, containerPlan(sandbox.root, { argv: ['wc', '-c'] }), onceInput),
      [everything],
    );
    const stream = streams[0] as Socket;
    const data = readAll(stream);
    stream.end(Buffer.alloc(300_000, 'x'));
    expect((await shim.exited).exitCode).toBe(0);
    expect(demultiplex(await data)).toEqual({ 1: '300000\n' });
  });

  test('gives a terminal that can be resized', async () => {
    number += 1;
    const argv = [
      'sh',
      '-c',
      'stty size; test -t 0 && test -t 2 && echo tty; readlink /proc/self/fd/0; read x; stty size; echo got $x',
    ];
    const { shim, streams } = await launcher.launch(
      launchRequest(sandbox, number, containerPlan(sandbox.root, { argv, tty: true }), terminal),
      [everything],
    );
    const stream = streams[0] as Socket;
    const data = readAll(stream);
    await new Promise<void>((resolve) => {
      let seen = '';
      stream.on('data', (chunk: Buffer) => {
        if ((seen += chunk.toString()).includes('/dev/pts/0\r\n')) resolve();
      });
    });
    await shim.resize(132, 50);
    stream.write('hello\r');
    expect((await shim.exited).exitCode).toBe(0);
    const text = (await data).toString();
    expect(text).toBe('40 100\r\ntty\r\n/dev/pts/0\r\nhello\r\n50 132\r\ngot hello\r\n');
  });

  test('can be in a user namespace, with ids mapped from outside', async () => {
    const because = { reason: 'test' } as const;
    number += 1;
    const plan = containerPlan(sandbox.root, {
      argv: ['sh', '-c', 'id -u; cat /proc/self/uid_map; stat -c %u /etc; echo to the user > /proc/self/fd/1'],
      host: [
        { name: 'writeProcess', file: 'uid_map', data: '0 100000 65536\n', ...because },
        { name: 'writeProcess', file: 'gid_map', data: '0 100000 65536\n', ...because },
      ],
    });
    const [sync, ...init] = plan.init.filter(({ name }) => name !== 'mknodIn');
    const root: Operation = { name: 'setuser', uid: 0, gid: 0, groups: [], setgroups: 1, ...because };
    const user: Operation = { name: 'setuser', uid: 7, gid: 7, groups: [7], setgroups: 1, ...because };
    const withUser = { ...plan, clone: { ...plan.clone, flags: plan.clone.flags | 0x10000000n }, init: [sync as Operation, root, ...init.slice(0, -1)
      .map((operation) => (operation.name === 'stdio' ? { ...operation, uid: 7, gid: 7 } : operation)), user, init.at(-1) as Operation] };
    chmodSync(sandbox.directory, 0o755);
    const { shim, streams } = await launcher.launch(launchRequest(sandbox, number, withUser), [output]);
    const data = readAll(streams[0] as Socket);
    expect((await shim.exited).exitCode).toBe(0);
    expect(demultiplex(await data)[1]?.replaceAll(/ +/g, ' ')).toBe('7\n 0 100000 65536\n65534\nto the user\n');
    await shim.released;
  });

  test('can have clocks of its own; the shim keeps its own', async () => {
    const because = { reason: 'test' } as const;
    number += 1;
    const plan = containerPlan(sandbox.root, {
      argv: ['sh', '-c', 'cat /proc/uptime; sleep 1000'],
      prepare: [
        { name: 'unshare', flags: 0x80n, ...because },
        { name: 'writeFile', path: '/proc/self/timens_offsets', data: 'boottime 1000000000 0\n', create: 0, mode: 0, ...because },
      ],
    });
    const { shim } = await launcher.launch(launchRequest(sandbox, number, plan), []);
    expect(readlinkSync(`/proc/${shim.shimPid}/ns/time_for_children`)).toBe(readlinkSync('/proc/self/ns/time'));
    expect(readlinkSync(`/proc/${shim.pid}/ns/time`)).not.toBe(readlinkSync('/proc/self/ns/time'));
    for (let i = 0; i < 100 && log() === ''; i++) await Bun.sleep(5);
    expect(Number(logLines()[0]?.log.split(' ')[0])).toBeGreaterThan(1e9);
    const process = await shim.exec({
      execId: 'time', plan: execPlan({ argv: ['true'], extra: [{ name: 'enter', flags: 0x80n, ...because }] }), stdio: noInput, attach: null,
    });
    expect((await process.exited).exitCode).toBe(0);
    for (const kind of ['pid', 'net', 'mnt', 'time', 'pid_for_children']) {
      expect(readlinkSync(`/proc/${shim.shimPid}/ns/${kind}`)).toBe(readlinkSync(`/proc/self/ns/${kind}`));
    }
    await shim.signal(9);
    await shim.released;
  });

  test('delivers signals', async () => {
    const shim = await start(['sh', '-c', 'trap "exit 7" TERM; while :; do sleep 0.01; done']);
    await Bun.sleep(50);
    expect(await shim.signal(15)).toBe(true);
    expect(await shim.exited).toMatchObject({ exitCode: 7, signal: 0 });
    await shim.released;
    const killed = await start();
    expect(await killed.signal(9)).toBe(true);
    expect(await killed.exited).toMatchObject({ exitCode: 137, signal: 9 });
    expect(await killed.signal(9)).toBe(false);
    await killed.released;
  });

  test('executes further processes', async () => {
    const shim = await start();
    const process = await shim.exec({
      execId: 'one',
      plan: execPlan({ argv: ['sh', '-c', 'hostname; cat; exit 5'] }),
      stdio: onceInput,
      attach: everything.options,
    });
    const data = readAll(process.stream as Socket);
    process.stream?.end('from the client');
    expect(await process.exited).toMatchObject({ exitCode: 5 });
    expect(demultiplex(await data)).toEqual({ 1: 'caisson\nfrom the client' });
    const failure = await failureOf(
      shim.exec({ execId: 'two', plan: execPlan({ argv: ['nowhere'] }), stdio: noInput, attach: output.options }),
    );
    expect(failure.failure).toMatchObject({ section: 'init', errno: 2 });
    const tty = await shim.exec({
      execId: 'three',
      plan: execPlan({ argv: ['stty', 'size'], tty: true }),
      stdio: terminal,
      attach: everything.options,
    });
    expect((await readAll(tty.stream as Socket)).toString()).toBe('40 100\r\n');
    const detached = await shim.exec({
      execId: 'four',
      plan: execPlan({ argv: ['sh', '-c', 'echo x; exit 9'] }),
      stdio: noInput,
      attach: null,
    });
    expect((await detached.exited).exitCode).toBe(9);
    const asleep = await shim.exec({
      execId: 'five',
      plan: execPlan({ argv: ['sleep', '1000'] }),
      stdio: noInput,
      attach: null,
    });
    expect([...shim.execs.keys()]).toEqual(['five']);
    await shim.signal(9);
    expect((await asleep.exited).exitCode).toBe(137);
    await shim.released;
    const late = await failureOf(
      shim.exec({ execId: 'six', plan: execPlan({ argv: ['true'] }), stdio: noInput, attach: null }).catch((error) => {
        throw error instanceof LaunchError
          ? error
          : new LaunchError({ section: 'prepare', index: -1, errno: 3, object: '' }, undefined, String(error));
      }),
    );
    expect(late.failure.errno).toBe(3);
  });

  test('an exec whose children keep its output open still ends', async () => {
    const shim = await start();
    const process = await shim.exec({
      execId: 'one',
      plan: execPlan({ argv: ['sh', '-c', 'sleep 1000 & echo begun'] }),
      stdio: noInput,
      attach: output.options,
    });
    const data = readAll(process.stream as Socket);
    expect((await process.exited).exitCode).toBe(0);
    expect(demultiplex(await data)).toEqual({ 1: 'begun\n' });
    await shim.signal(9);
    await shim.released;
  });

  test('is found again by another daemon, with its execs and what ended meanwhile', async () => {
    number += 1;
    const id = number.toString(16).padStart(64, '0');
    const script = `
      const { createLauncher } = await import(${JSON.stringify(join(import.meta.dirname, 'launcher.ts'))});
      const t = await import(${JSON.stringify(join(import.meta.dirname, 'testing/plain-container.ts'))});
      const sandbox = ${JSON.stringify({ directory: sandbox.directory, root: sandbox.root, execRoot: sandbox.execRoot })};
      const launcher = createLauncher({ helperPath: t.helperPath, execRoot: sandbox.execRoot });
      const argv = ['sh', '-c', 'while :; do echo tick; sleep 0.01; done'];
      const { shim } = await launcher.launch(t.launchRequest(sandbox, ${number}, t.containerPlan(sandbox.root, { argv })), []);
      await shim.exec({ execId: 'long', plan: t.execPlan({ argv: ['sleep', '1000'] }), stdio: t.noInput, attach: null });
      await shim.exec({ execId: 'short', plan: t.execPlan({ argv: ['sh', '-c', 'sleep 0.1; exit 4'] }), stdio: t.noInput, attach: null });
      process.kill(process.pid, 'SIGKILL');`;
    const daemon = Bun.spawnSync([process.execPath, '-e', script]);
    expect(daemon.signalCode).toBe('SIGKILL');
    await Bun.sleep(300);
    const shim = await launcher.reconnect(id);
    expect(shim).toBeDefined();
    if (shim === undefined) return;
    expect([...shim.execs.keys()].sort()).toEqual(['long', 'short']);
    expect((await shim.execs.get('short')?.exited)?.exitCode).toBe(4);
    const stream = (await shim.attach(output)) as Socket;
    await new Promise((resolve) => stream.once('data', resolve));
    stream.destroy();
    const before = logLines().length;
    await Bun.sleep(50);
    expect(logLines().length).toBeGreaterThan(before);
    await shim.signal(9);
    expect((await shim.exited).exitCode).toBe(137);
    await shim.released;
    expect(await launcher.reconnect(id)).toBeUndefined();
  });

  test('a container ends with its shim', async () => {
    const shim = await start();
    process.kill(shim.shimPid, 'SIGKILL');
    expect(await shim.exited).toMatchObject({ exitCode: 137, signal: 9 });
    await shim.released;
    for (let i = 0; i < 100 && !isDead(shim.pid); i++) await Bun.sleep(10);
    expect(isDead(shim.pid)).toBe(true);
    expect(await launcher.reconnect(number.toString(16).padStart(64, '0'))).toBeUndefined();
  });

  test('keeps a shim ready, and makes do when it is gone', async () => {
    const spare = () => readdirSync(join(sandbox.execRoot, 'shims')).filter((name) => name.startsWith('spare-'));
    await run(['true']);
    await new Promise(setImmediate);
    const [first] = spare();
    expect(first).toBeDefined();
    await run(['true']);
    await new Promise(setImmediate);
    const [second] = spare();
    expect(second).not.toBe(first);
    rmSync(join(sandbox.execRoot, 'shims', second ?? ''));
    expect((await run(['sh', '-c', 'exit 5'])).record.exitCode).toBe(5);
  });

  test('releases alone', async () => {
    const directory = join(sandbox.directory, 'alone');
    const made = await run(['true'], { prepare: [{ name: 'mkdir', path: directory, mode: 0o755, reason: 'test' }] });
    expect(made.record.exitCode).toBe(0);
    await launcher.release('0'.repeat(64), [{ name: 'rmdir', path: directory, reason: 'test' }]);
    expect(existsSync(directory)).toBe(false);
  });

  test('the next run gets the same upper directory, though the last overlay goes after its release', async () => {
    const overlay = ['upper', 'work', 'merged'].map((name) => join(sandbox.directory, `again-${name}`));
    for (const directory of overlay) mkdirSync(directory);
    const [upper = '', work = '', merged = ''] = overlay;
    // With an index the kernel refuses (EBUSY) directories that another overlay still has.
    const data = `lowerdir=${sandbox.root},upperdir=${upper},workdir=${work},index=on`;
    const options = {
      prepare: [{ name: 'mount', cwd: '/', source: 'overlay', target: merged, type: 'overlay', flags: 0n, data, reason: 'test' }],
      release: [{ name: 'unmount', path: merged, flags: 2, reason: 'test' }],
    } satisfies { prepare: Operation[]; release: Operation[] };
    number += 1;
    for (const [command, code] of [['echo x >> /runs', 0], ['[ $(wc -l < /runs) = 1 ]', 0]] as const) {
      const plan = containerPlan(merged, { argv: ['sh', '-c', command], ...options });
      const { shim } = await launcher.launch(launchRequest(sandbox, number, plan), []);
      const { exitCode, finishedAt } = await shim.exited;
      expect(exitCode).toBe(code);
      expect(shim.startedAt <= finishedAt).toBe(true);
      await shim.released;
      expect(mounts()).toEqual([]);
      const failing = containerPlan(merged, { argv: ['/nowhere'], ...options });
      expect((await failureOf(launcher.launch(launchRequest(sandbox, number, failing), []))).failure.errno).toBe(2);
      expect(mounts()).toEqual([]);
    }
  });

  test('a client that reads nothing holds the process up, then is let go', async () => {
    const impatient = createLauncher({ helperPath, execRoot: sandbox.execRoot, stallMs: 300 });
    number += 1;
    const plan = containerPlan(sandbox.root, { argv: ['sh', '-c', 'yes | head -c 5000000 > /dev/stderr; echo done'] });
    const { shim, streams } = await impatient.launch(launchRequest(sandbox, number, plan), [output]);
    expect((await shim.exited).exitCode).toBe(0);
    expect(logLines().at(-1)?.log).toBe('done\n');
    streams[0]?.destroy();
    await shim.released;
    await impatient.close();
  });
});
