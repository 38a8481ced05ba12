/** `docker attach`, and what several, slow and vanishing clients do to a container: nothing. */
import { expect } from 'bun:test';
import { Client, demultiplex, type Stream } from '../support/http.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const own = requires(...needs, 'caisson');

/** A container that waits to be started, or with `start` runs. */
async function container(script: string, { start = false, ...config }: { start?: boolean; OpenStdin?: boolean; StdinOnce?: boolean; Tty?: boolean } = {}): Promise<string> {
  const { Id } = await subject.api.json<{ Id: string }>('POST', '/containers/create', { Image: 'busybox', Cmd: ['sh', '-c', script], ...config });
  if (start) await subject.api.json('POST', `/containers/${Id}/start`);
  return Id;
}

const attach = (id: string, query = 'stream=1&stdout=1&stderr=1') => Client.hijack(subject.engine.socket, `/containers/${id}/attach?${query}`);

async function output(stream: Stream): Promise<{ stdout: string; stderr: string }> {
  const { stdout, stderr } = demultiplex(await stream.all());
  stream.socket.destroy();
  return { stdout: stdout.toString(), stderr: stderr.toString() };
}

it('gives every client all of the output, each only the streams it asked for', async () => {
  const id = await container('seq 1 20000; echo err >&2');
  const streams = await Promise.all([attach(id), attach(id), attach(id, 'stream=1&stderr=1')]);
  await subject.api.json('POST', `/containers/${id}/start`);
  const [first, second, third] = await Promise.all(streams.map(output));
  expect(first?.stdout.split('\n').length).toBe(20_001);
  expect(second).toEqual(first);
  expect(third).toEqual({ stdout: '', stderr: 'err\n' });
});

it('answers 101 with the type of the stream', async () => {
  for (const [Tty, type] of [[false, 'multiplexed'], [true, 'raw']] as const) {
    const stream = await attach(await container('true', { Tty }), 'stdout=1&stderr=1');
    expect([stream.status, stream.headers['content-type']]).toEqual([101, `application/vnd.docker.${type}-stream`]);
    expect((await stream.all()).length).toBe(0);
    stream.socket.destroy();
  }
});

it('ends the input of the command when the client half-closes, and goes on with its output', async () => {
  const id = await container('wc -c; echo done', { OpenStdin: true, StdinOnce: true });
  const stream = await attach(id, 'stream=1&stdin=1&stdout=1');
  stream.socket.end(Buffer.alloc(3_000_000, 'x'));
  await subject.api.json('POST', `/containers/${id}/start`);
  expect((await output(stream)).stdout).toBe('3000000\ndone\n');
});

it('keeps the input open for others without StdinOnce', async () => {
  const id = await container('read a; read b; echo $a $b', { OpenStdin: true, start: true });
  const reader = await attach(id);
  for (const line of ['one\n', 'two\n']) {
    const writer = await attach(id, 'stream=1&stdin=1');
    writer.socket.end(line);
    await writer.all();
    writer.socket.destroy();
  }
  expect((await output(reader)).stdout).toBe('one two\n');
});

it('ends cleanly for a client whose input nobody has read', async () => {
  const id = await container('echo over', { OpenStdin: true, StdinOnce: true });
  const stream = await attach(id, 'stream=1&stdin=1&stdout=1');
  const failure = new Promise((resolve) => void stream.socket.once('error', resolve).once('end', () => resolve(undefined)));
  stream.socket.write(Buffer.alloc(100_000, 'x'));
  await subject.api.json('POST', `/containers/${id}/start`);
  expect((await output(stream)).stdout).toBe('over\n');
  expect(await failure).toBeUndefined();
});

it('is not held up by clients that leave in the middle', async () => {
  const id = await container('i=0; while [ $i -lt 300 ]; do head -c 10000 /dev/zero; i=$((i+1)); done; echo; echo end');
  const [leaver, stayer] = await Promise.all([attach(id), attach(id)]);
  await subject.api.json('POST', `/containers/${id}/start`);
  await leaver?.read();
  leaver?.socket.destroy();
  expect((await output(stayer)).stdout.endsWith('\nend\n')).toBe(true);
  expect(await subject.output('wait', id)).toBe('0');
});

it('goes on when a client floods an input that nobody reads', async () => {
  const id = await container('read line; echo got $line; read more < /tmp/wait', { OpenStdin: true });
  const stream = await attach(id, 'stream=1&stdin=1&stdout=1');
  stream.socket.write('first\n');
  for (let sent = 0; sent < 64; sent++) stream.socket.write(Buffer.alloc(1_000_000, 'x'));
  await subject.api.json('POST', `/containers/${id}/start`);
  expect((await stream.read())?.subarray(8).toString()).toBe('got first\n');
  await output(stream);
  expect(await subject.output('wait', id)).not.toBe('0');
});

it('sends the log first with logs=1, and only that without stream=1', async () => {
  const id = await container('echo before; read x; echo after $x', { OpenStdin: true, start: true });
  const early = await attach(id);
  const logs = async () => (await output(await attach(id, 'logs=1&stdout=1&stderr=1'))).stdout;
  while ((await logs()) !== 'before\n');
  const both = await attach(id, 'logs=1&stream=1&stdin=1&stdout=1&stderr=1');
  both.socket.write('now\n');
  expect((await output(both)).stdout).toBe('before\nafter now\n');
  expect((await output(early)).stdout).toEndWith('after now\n');
});

// A dockerd writes the bare text where it writes JSON everywhere else; clients that read it take both.
it('refuses a paused container, keys that are none, and a container that is not there', async () => {
  const id = await container('sleep 1000', { start: true });
  const refusal = async (name: string, query?: string) => {
    const { status, body } = await attach(name, query);
    return `${status} ${body}`;
  };
  expect(await refusal(id, 'stream=1&stdout=1&detachKeys=ctrl-nothing')).toMatch(/^400 .*Invalid detach keys \(ctrl-nothing\) provided/);
  await subject.output('pause', id);
  expect(await refusal(id)).toMatch(new RegExp(`^409 .*container ${id} is paused, unpause the container before attach`));
  await subject.output('unpause', id);
  expect(await refusal('nobody')).toMatch(/^404 .*No such container: nobody/);
});

own('goes on without the daemon: attached clients and execs do not notice that it was killed', async () => {
  const id = await container('read line; echo got $line', { OpenStdin: true, start: true });
  const stream = await attach(id, 'stream=1&stdin=1&stdout=1');
  const { Id } = await subject.api.json<{ Id: string }>('POST', `/containers/${id}/exec`, { Cmd: ['sh', '-c', 'echo up; read line; echo exec $line'], AttachStdin: true, AttachStdout: true });
  const exec = await Client.hijack(subject.engine.socket, `/exec/${Id}/start`, {});
  expect((await exec.read())?.subarray(8).toString()).toBe('up\n');
  await subject.engine.endDaemon('SIGKILL');
  exec.socket.write('on\n');
  expect((await output(exec)).stdout).toBe('exec on\n');
  stream.socket.write('on\n');
  expect((await output(stream)).stdout).toBe('got on\n');
  await subject.engine.startDaemon();
  expect(await subject.output('wait', id)).toBe('0');
});

it('speaks WebSocket, where output comes without headers', async () => {
  const id = await container('echo out; cat', { OpenStdin: true, StdinOnce: true });
  const stream = await Client.webSocket(subject.engine.socket, `/v1.41/containers/${id}/attach/ws?stream=1`);
  expect([stream.status, stream.headers['sec-websocket-accept']]).toEqual([101, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=']);
  await subject.api.json('POST', `/containers/${id}/start`);
  expect((await stream.read())?.toString('latin1')).toBe('\x82\x04out\n');
  // "hi\n" in a masked text frame, with a mask of zeros.
  stream.socket.write(Buffer.from('\x81\x83\0\0\0\0hi\n', 'latin1'));
  expect((await stream.read())?.toString('latin1')).toBe('\x82\x03hi\n');
  // A closing frame is answered, and ends the container's input.
  stream.socket.write(Buffer.from('\x88\x80\0\0\0\0', 'latin1'));
  expect((await stream.all()).toString('latin1')).toBe('\x88\x02\x03\xe8');
  expect(await subject.api.json('POST', `/containers/${id}/wait`)).toEqual({ StatusCode: 0 });
});

it('refuses a WebSocket to who speaks none', async () => {
  const answer = await subject.api.request('GET', `/containers/${await container('true')}/attach/ws?stream=1`);
  expect(answer.status).toBe(400);
});

leavesNothingBehind(subject);
