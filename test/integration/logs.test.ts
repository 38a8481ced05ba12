/** `docker logs`. */
import { expect } from 'bun:test';
import { Client, demultiplex } from '../support/http.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it } = useEngine();

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

leavesNothingBehind(subject);
