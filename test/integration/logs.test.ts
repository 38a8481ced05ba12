/** `docker logs`. */
import { expect } from 'bun:test';
import { truncateSync } from 'node:fs';
import { Client, demultiplex } from '../support/http.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const recent = requires(...needs, 'engine-28');
const own = requires(...needs, 'caisson');

/** A container that has printed what the script prints. */
async function finished(script: string, ...flags: string[]): Promise<string> {
  const id = await subject.output('run', '-d', ...flags, 'busybox', 'sh', '-c', script);
  await subject.output('wait', id);
  return id;
}

it('keeps stdout and stderr apart', async () => {
  expect(await subject.docker('logs', await finished('echo out; echo err >&2'))).toEqual({ code: 0, stdout: 'out\n', stderr: 'err\n' });
});

it('shows the last lines with --tail', async () => {
  const id = await finished('seq 1 2000');
  expect(await subject.output('logs', '--tail', '3', id)).toBe('1998\n1999\n2000');
  expect(await subject.output('logs', '--tail', '0', id)).toBe('');
  expect((await subject.output('logs', '--tail', 'all', id)).split('\n').length).toBe(2000);
  expect((await subject.output('logs', '--tail', '5000', id)).split('\n').length).toBe(2000);
});

it('prefixes times with -t, to the nanosecond', async () => {
  const lines = (await subject.output('logs', '-t', await finished('echo a; echo b'))).split('\n');
  for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z [ab]$/);
});

it('shows lines since and until a time', async () => {
  const id = await finished('echo one; sleep 0.2; echo two; sleep 0.2; echo three');
  const [, second, third] = (await subject.output('logs', '-t', id)).split('\n').map((line) => line.split(' ')[0] as string);
  expect(await subject.output('logs', '--since', second as string, id)).toBe('two\nthree');
  expect(await subject.output('logs', '--until', second as string, id)).toBe('one\ntwo');
  expect(await subject.output('logs', '--since', third as string, id)).toBe('three');
  expect(await subject.output('logs', '--since', '1h', id)).toBe('one\ntwo\nthree');
});

it('follows until the container ends', async () => {
  const id = await subject.output('run', '-di', 'busybox', 'sh', '-c', 'echo first; read line; echo "second $line"');
  const { head, body } = await Client.stream(subject.engine.socket, 'GET', `/containers/${id}/logs?follow=1&stdout=1&stderr=1`);
  expect(head.status).toBe(200);
  const stdin = await Client.hijack(subject.engine.socket, `/containers/${id}/attach?stream=1&stdin=1`);
  let bytes = Buffer.alloc(0);
  for await (const chunk of body) {
    // Only what has been seen of the first line sets the second one off: it is shown while it goes on.
    if (bytes.length === 0) stdin.socket.write('go\n');
    bytes = Buffer.concat([bytes, chunk]);
  }
  stdin.socket.destroy();
  expect(demultiplex(bytes).stdout.toString()).toBe('first\nsecond go\n');
});

it('keeps lines of any length', async () => {
  const id = await finished('head -c 100000 /dev/zero | tr "\\0" x; echo; echo end');
  const [long, end] = (await subject.output('logs', id)).split('\n');
  expect(long).toBe('x'.repeat(100_000));
  expect(end).toBe('end');
});

it('keeps what has no newline at its end', async () => {
  expect((await subject.docker('logs', await finished('printf "no newline"'))).stdout).toBe('no newline');
});

it('keeps text of other alphabets, and bytes that are no text as Docker does', async () => {
  const id = await finished('printf "h\\303\\251\\342\\202\\254\\t\\"quoted\\" \\\\\\\\ \\001\\n"; printf "\\377\\n"');
  expect((await subject.docker('logs', id)).stdout).toBe('hé€\t"quoted" \\ \x01\n\ufffd\n');
});

it('shows one stream when asked for one, and refuses none', async () => {
  const id = await finished('echo out; echo err >&2');
  const { body } = await subject.api.request('GET', `/containers/${id}/logs?stderr=1`);
  expect(demultiplex(body).stderr.toString()).toBe('err\n');
  expect(demultiplex(body).stdout.toString()).toBe('');
  const none = await subject.api.request('GET', `/containers/${id}/logs`);
  expect(none.status).toBe(400);
  expect(none.body.toString()).toContain('you must choose at least one stream');
});

it('keeps the output of every run of a container', async () => {
  const id = await finished('echo again');
  await subject.output('start', id);
  await subject.output('wait', id);
  expect(await subject.output('logs', id)).toBe('again\nagain');
});

it('loses nothing of a burst at the end', async () => {
  const id = await finished('seq 1 50000');
  const lines = (await subject.output('logs', id)).split('\n');
  expect(lines.length).toBe(50_000);
  expect(lines.at(-1)).toBe('50000');
});

/** What create and start answer to a logging configuration. */
async function logged(Type: string, Config: Record<string, string>, more: object = {}): Promise<{ id: string; refusal: string }> {
  const made = await subject.api.request('POST', '/containers/create', { Image: 'busybox', Cmd: ['seq', '1', '2000'], ...more, HostConfig: { LogConfig: { Type, Config } } });
  if (made.status !== 201) return { id: '', refusal: `create ${made.status} ${JSON.parse(String(made.body)).message}` };
  const { Id: id } = JSON.parse(String(made.body)) as { Id: string };
  const started = await subject.api.request('POST', `/containers/${id}/start`);
  if (started.status !== 204) return { id, refusal: `start ${started.status} ${JSON.parse(String(started.body)).message}` };
  await subject.api.json('POST', `/containers/${id}/wait`);
  return { id, refusal: '' };
}

recent('refuses options that no driver has, and values that are none when the container starts', async () => {
  const refusal = async (type: string, config: Record<string, string>) => (await logged(type, config)).refusal;
  const starting = 'start 500 failed to create task for container: failed to initialize logging driver: ';
  expect(await refusal('json-file', { bogus: '1' })).toBe("create 400 unknown log opt 'bogus' for json-file log driver");
  expect(await refusal('local', { labels: 'a' })).toBe("create 400 unknown log opt 'labels' for log driver local");
  expect(await refusal('nope', {})).toBe('create 400 error looking up logging plugin nope: plugin "nope" not found');
  expect(await refusal('json-file', { mode: 'odd' })).toBe('create 400 logger: logging mode not supported: odd');
  expect(await refusal('json-file', { 'max-buffer-size': '1m' })).toBe("create 400 logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  expect(await refusal('json-file', { mode: 'non-blocking', 'max-buffer-size': 'x' })).toBe("create 400 error parsing option max-buffer-size: invalid size: 'x'");
  expect(await refusal('json-file', { 'max-size': 'x' })).toBe(`${starting}invalid size: 'x'`);
  expect(await refusal('json-file', { 'max-size': '0' })).toBe(`${starting}max-size must be a positive number`);
  expect(await refusal('json-file', { 'max-file': '0' })).toBe(`${starting}max-file cannot be less than 1`);
  expect(await refusal('json-file', { 'max-file': 'x' })).toBe(`${starting}strconv.Atoi: parsing "x": invalid syntax`);
  expect(await refusal('json-file', { compress: 'maybe' })).toBe(`${starting}strconv.ParseBool: parsing "maybe": invalid syntax`);
  expect(await refusal('json-file', { 'max-size': '10m', compress: 'true' })).toBe(`${starting}compress cannot be true when max-file is less than 2 or max-size is not set`);
  expect(await refusal('none', { bogus: '1' })).toBe('');
});

it('marks records with labels, variables and a tag, and shows them with --details', async () => {
  const { id } = await logged('json-file', { labels: 'a,b', 'labels-regex': '^x', env: 'E', tag: '{{.ID}}/{{.ImageName}}' }, {
    Cmd: ['echo', 'hi'], Labels: { a: '1', b: '<2>', c: '3', xy: 'z' }, Env: ['E=v w', 'F=no'],
  });
  expect((await subject.docker('logs', id)).stdout).toBe('hi\n');
  const { body } = await subject.api.request('GET', `/containers/${id}/logs?stdout=1&details=1`);
  expect(demultiplex(body).stdout.toString()).toBe(`E=v+w,a=1,b=%3C2%3E,tag=${id.slice(0, 12)}%2Fbusybox,xy=z hi\n`);
});

it('rotates: the last files are read as one, none is lost, doubled or larger than asked', async () => {
  const { id } = await logged('json-file', { 'max-size': '20k', 'max-file': '3' });
  const lines = (await subject.output('logs', id)).split('\n').map(Number);
  expect(lines.at(-1)).toBe(2000);
  expect(lines).toEqual(Array.from(lines, (_, index) => 2000 - lines.length + 1 + index));
  expect(lines.length).toBeLessThan(2000);
  expect(await subject.output('logs', '--tail', '300', id)).toBe(lines.slice(-300).join('\n'));
});

it('keeps and shows the log of the local driver', async () => {
  const { id } = await logged('local', { 'max-size': '10m', 'max-file': '2' });
  expect((await subject.output('logs', '--tail', '2', id))).toBe('1999\n2000');
  expect(await subject.inspect(id, '{{.HostConfig.LogConfig.Type}} {{.LogPath}}')).toBe('local ');
});

it('refuses to read what the none driver threw away', async () => {
  const { id } = await logged('none', {});
  const { status, body } = await subject.api.request('GET', `/containers/${id}/logs?stdout=1`);
  expect([status, String(body).trim()]).toEqual([501, '{"message":"configured logging driver does not support reading"}']);
});

// A dockerd shows nothing more: it counts on where it had been writing.
own('follows past a log that is cut short behind its back', async () => {
  const id = await subject.output('run', '-di', 'busybox', 'sh', '-c', 'echo the very first; read line; echo second; read line; echo third');
  const { body } = await Client.stream(subject.engine.socket, 'GET', `/containers/${id}/logs?follow=1&stdout=1`);
  const stdin = await Client.hijack(subject.engine.socket, `/containers/${id}/attach?stream=1&stdin=1`);
  const log = await subject.inspect(id, '{{.LogPath}}');
  let text = '';
  for await (const chunk of body) {
    text += demultiplex(chunk).stdout.toString();
    if (text.endsWith('first\n')) truncateSync(log); // shorter than it was until the third line
    if (text.endsWith('first\n') || text.endsWith('second\n')) stdin.socket.write('on\n');
  }
  stdin.socket.destroy();
  expect(text).toBe('the very first\nsecond\nthird\n');
});

leavesNothingBehind(subject);
