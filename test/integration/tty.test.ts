/** Containers on a terminal, as a person at a keyboard uses them. */
import { expect } from 'bun:test';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it } = useEngine();

it('gives the container the size of the terminal', async () => {
  const terminal = subject.terminal(['run', '-it', '--rm', 'busybox', 'sh'], { columns: 91, rows: 33 });
  await terminal.shows(/\/ # /);
  // The command line sends the size after the start; asking until it is there is no race.
  terminal.type('until [ "$(stty size)" = "33 91" ]; do :; done; echo si"ze" is right\n');
  await terminal.shows(/size is right/);
  terminal.type('exit 7\n');
  expect(await terminal.ended()).toBe(7);
});

it('passes a new size on', async () => {
  const terminal = subject.terminal(['run', '-it', '--rm', 'busybox', 'sh']);
  await terminal.shows(/\/ # /);
  terminal.type('until [ "$(stty size)" = "40 120" ]; do :; done; echo res"ized"\n');
  // The client asks for its first size and only then listens for changes: one that comes between the two is lost to it.
  const pulling = setInterval(() => {
    terminal.resize(119, 40);
    terminal.resize(120, 40);
  }, 100);
  await terminal.shows(/resized/);
  clearInterval(pulling);
  terminal.type('exit\n');
  expect(await terminal.ended()).toBe(0);
});

it('interrupts the process, not the client, with ctrl-c', async () => {
  const terminal = subject.terminal(['run', '-it', '--rm', 'busybox', 'sh', '-c', 'trap "echo trap\'\'ped; exit 9" INT; echo rea\'\'dy; while :; do sleep 0.1; done']);
  await terminal.shows(/ready/);
  terminal.type('\x03');
  await terminal.shows(/trapped/);
  expect(await terminal.ended()).toBe(9);
});

it('ends input with ctrl-d', async () => {
  const terminal = subject.terminal(['run', '-it', '--rm', 'busybox', 'cat']);
  terminal.type('line\n');
  await terminal.shows(/line\r\n(.|\r\n)*line/);
  terminal.type('\x04');
  expect(await terminal.ended()).toBe(0);
});

it('detaches with ctrl-p ctrl-q and attaches again', async () => {
  const first = subject.terminal(['run', '-it', '--name', 'detached', 'busybox', 'sh']);
  await first.shows(/\/ # /);
  first.type('\x10\x11');
  await first.ended();
  expect(await subject.inspect('detached', '{{.State.Running}}')).toBe('true');
  const second = subject.terminal(['attach', 'detached']);
  second.type('echo a"gain"; exit 5\n');
  await second.shows(/again/);
  expect(await second.ended()).toBe(5);
});

it('detaches with keys of the user', async () => {
  const terminal = subject.terminal(['run', '-it', '--detach-keys', 'ctrl-a,x', '--name', 'keys', 'busybox', 'sh']);
  await terminal.shows(/\/ # /);
  terminal.type('\x01x');
  await terminal.ended();
  expect(await subject.inspect('keys', '{{.State.Running}}')).toBe('true');
});

it('has the tty as controlling terminal of its session', async () => {
  const terminal = subject.terminal(['run', '-it', '--rm', 'busybox', 'sh', '-c', 'echo from tty > /dev/tty; tty; awk \'{print "session", $6, "foreground", $8}\' /proc/1/stat']);
  await terminal.shows(/from tty/);
  await terminal.shows(/\/dev\/pts\/0/);
  await terminal.shows(/session 1 foreground 1/);
  expect(await terminal.ended()).toBe(0);
});

it('refuses -t where the client has no terminal', async () => {
  const result = await subject.docker('run', '-it', '--rm', 'busybox', 'true', { stdin: '' });
  expect(result.code).toBe(1);
  expect(result.stderr).toContain('the input device is not a TTY');
});

it('executes on a terminal of its own', async () => {
  const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
  const terminal = subject.terminal(['exec', '-it', id, 'sh'], { columns: 77, rows: 22 });
  await terminal.shows(/\/ # /);
  terminal.type('until [ "$(stty size)" = "22 77" ]; do :; done; test -t 0 && echo ter"minal"\n');
  await terminal.shows(/terminal/);
  terminal.type('exit 4\n');
  expect(await terminal.ended()).toBe(4);
});

it('merges stderr into the terminal, in the log too', async () => {
  const id = await subject.output('run', '-dt', 'busybox', 'sh', '-c', 'echo out; echo err >&2');
  await subject.output('wait', id);
  expect(await subject.docker('logs', id)).toEqual({ code: 0, stdout: 'out\r\nerr\r\n', stderr: '' });
});

it('resizes through the API', async () => {
  const id = await subject.output('run', '-dt', 'busybox', 'sh', '-c', 'until [ "$(stty size)" = "11 222" ]; do :; done');
  expect((await subject.api.request('POST', `/containers/${id}/resize?h=11&w=222`)).status).toBe(200);
  expect(await subject.output('wait', id)).toBe('0');
});

leavesNothingBehind(subject);
