import { expect, test } from 'bun:test';
import { OutputFrames } from './demultiplex.ts';

const frame = (stream: number, payload: string) => Buffer.concat([Buffer.of(stream, 0, 0, 0, 0, 0, 0, payload.length), Buffer.from(payload)]);

test('frames come apart wherever the bytes are cut', () => {
  const wire = Buffer.concat([frame(1, 'out'), frame(2, ''), frame(2, 'error'), frame(3, 'engine')]);
  for (let step = 1; step <= wire.length; step++) {
    const frames = new OutputFrames();
    const text = { 1: '', 2: '' };
    for (let at = 0; at < wire.length; at += step) {
      for (const { stream, payload } of frames.feed(wire.subarray(at, at + step))) text[stream] += Buffer.from(payload).toString();
    }
    expect(text).toEqual({ 1: 'out', 2: 'errorengine' });
  }
});

test('bytes that are no frame are refused', () => {
  expect(() => [...new OutputFrames().feed(Buffer.from('HTTP/1.1 400'))]).toThrow('unrecognized stream type 72');
});
