import net from 'node:net';
import { Client, demultiplex } from '../../test/support/http.ts';
import type { RunningEngine } from '../../test/support/engine.ts';
import { create, remove } from '../containers.ts';
import type { Figure } from '../figure.ts';

/** Lines of 80 bytes, written as fast as a pipe takes them: busybox's own `yes` would be what is measured. */
const block = 4_000_000;
const lines = (blocks: number) => `yes ${'x'.repeat(79)} | head -c ${block} > /lines; for i in $(seq ${blocks}); do cat /lines; done`;
const zeros = (megabytes: number) => `dd if=/dev/zero bs=64k count=${megabytes * 16} 2>/dev/null`;
const rounds = 3;
const request = (method: string, path: string, more = '') => `${method} ${path} HTTP/1.1\r\nHost: bench\r\n${more}\r\n`;

/**
 * Sends a request and counts what comes back until it ends. The time is that from the request to the end; with `begin`, which is called once
 * the head of the answer is there, that from the first byte after the head.
 */
function count({ socket }: RunningEngine, head: string, begin?: () => void): Promise<{ bytes: number; ms: number }> {
  return new Promise((resolve, reject) => {
    let [bytes, start] = [0, 0];
    let answered = begin === undefined;
    const connection = net.connect(socket, () => {
      if (begin === undefined) start = performance.now();
      connection.write(head);
    });
    connection.on('data', (data) => {
      if (!answered) {
        answered = true;
        begin?.();
        return;
      }
      if (start === 0) start = performance.now();
      bytes += data.length;
    });
    connection.on('end', () => resolve({ bytes, ms: performance.now() - start })).on('error', reject);
  });
}

/** The time of a record of a log, in milliseconds, to the nanosecond. */
function timeOf(logs: Buffer): number {
  const [, second = '', fraction = ''] = /^(\S+)\.(\d{9})Z/.exec(demultiplex(logs).stdout.toString()) ?? [];
  return Date.parse(`${second}Z`) + Number(fraction) / 1e6;
}

async function firstAndLast(engine: RunningEngine, client: Client, id: string): Promise<number> {
  const path = `/containers/${id}/logs?stdout=1&timestamps=1`;
  const { body } = await Client.stream(engine.socket, 'GET', path);
  let head = Buffer.alloc(0);
  for await (const chunk of body) {
    head = Buffer.concat([head, chunk]);
    if (head.length > 200) break;
  }
  const last = await client.request('GET', `${path}&tail=1`);
  return timeOf(last.body) - timeOf(head);
}

/** Bytes of a container's output: to an attached client, into the log, and out of it again. */
export const streams: Figure = {
  name: 'streams',
  rows: {
    attach: { title: 'container output to an attached client (no log)', unit: 'MB/s', goal: 4 },
    write: { title: 'container output of 80-byte lines into the log', unit: 'MB/s', goal: 8 },
    read: { title: 'reading that log back', unit: 'MB/s', goal: 8 },
  },
  async measure({ engine }, { shrink }) {
    const client = engine.client();
    const samples = { attach: [] as number[], write: [] as number[], read: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      const attached = await create(client, ['sh', '-c', zeros(512 / shrink)], { LogConfig: { Type: 'none' } });
      const { bytes, ms } = await count(engine, request('POST', `/containers/${attached}/attach?stream=1&stdout=1`, 'Connection: Upgrade\r\nUpgrade: tcp\r\n'), () => {
        void client.json('POST', `/containers/${attached}/start`);
      });
      samples.attach.push(bytes / 1e3 / ms);
      await remove(client, attached);

      const blocks = Math.ceil(12 / shrink);
      const logged = await create(client, ['sh', '-c', lines(blocks)], { LogConfig: { Type: 'json-file', Config: { 'max-size': '1g' } } });
      await client.json('POST', `/containers/${logged}/start`);
      await client.json('POST', `/containers/${logged}/wait`);
      samples.write.push((blocks * block) / 1e3 / (await firstAndLast(engine, client, logged)));
      const read = await count(engine, request('GET', `/containers/${logged}/logs?stdout=1&stderr=1`, 'Connection: close\r\n'));
      samples.read.push((blocks * block) / 1e3 / read.ms);
      await remove(client, logged);
    }
    client.close();
    return samples;
  },
};
