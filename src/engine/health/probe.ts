/** Runs a health check once: an exec in the container, with a bounded output and a bounded time. */
import type { Socket } from 'node:net';
import { signal as signals } from '../../linux/signals.ts';
import type { Container } from '../container.ts';
import type { EngineContext } from '../context.ts';
import { createExec, runExec } from '../exec.ts';
import { formatGoDuration } from '../spec/go-duration.ts';
import { nowText } from '../timestamps.ts';
import type { ProbeResult } from './health.ts';
import { ProbeOutput } from './probe-output.ts';

/** Milliseconds. */
const lastWordsWithin = 2000;

/** `timeout` in milliseconds, from when the command runs. Never rejects; `abort` ends it early, with a result nobody wants any more. */
export async function runProbe(
  context: EngineContext, container: Container, command: readonly string[], timeout: number, abort: AbortSignal,
): Promise<ProbeResult> {
  const Start = nowText();
  try {
    return { Start, ...(await run(context, container, command, timeout, abort)) };
  } catch (error) {
    return { Start, End: nowText(), ExitCode: -1, Output: error instanceof Error ? error.message : String(error) };
  }
}

async function run(
  context: EngineContext, container: Container, command: readonly string[], timeout: number, abort: AbortSignal,
): Promise<Omit<ProbeResult, 'Start'>> {
  const exec = createExec(context, container, { Cmd: [...command], AttachStdout: true, AttachStderr: true });
  const output = new ProbeOutput();
  try {
    const process = await runExec(context, container, exec, { detach: false, tty: false });
    const collected = process.stream ? collect(process.stream, output) : Promise.resolve();
    const exit = await within(timeout, abort, process.exited);
    // Its last words may still be on their way when its exit is known.
    if (exit !== undefined) await within(lastWordsWithin, abort, collected);
    if (exit !== undefined) return { End: nowText(), ExitCode: exit.exitCode, Output: output.text() };
    // What it started may hold its output open: that is not waited for.
    process.stream?.destroy();
    await process.signal(signals.SIGKILL);
    return { End: nowText(), ExitCode: -1, Output: exceeded(timeout, output.text()) };
  } finally {
    container.execs.delete(exec.id);
    context.execs.delete(exec.id);
  }
}

/** The promise's value; undefined when it took longer than `timeout` milliseconds, or was not wanted any more. */
async function within<Value>(timeout: number, abort: AbortSignal, promise: Promise<Value>): Promise<Value | undefined> {
  const late = Promise.withResolvers<undefined>();
  const giveUp = () => late.resolve(undefined);
  const timer = setTimeout(giveUp, timeout);
  abort.addEventListener('abort', giveUp);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
    abort.removeEventListener('abort', giveUp);
  }
}

/** Settles at the end of the stream. */
function collect(stream: Socket, output: ProbeOutput): Promise<void> {
  return new Promise((resolve) => {
    if (stream.readableEnded || stream.destroyed) return resolve();
    stream.on('data', (chunk: Buffer) => output.add(chunk));
    stream.on('error', () => stream.destroy());
    stream.on('end', resolve).on('close', resolve);
    stream.resume();
  });
}

function exceeded(timeout: number, output: string): string {
  const sentence = `Health check exceeded timeout (${formatGoDuration(BigInt(Math.round(timeout * 1e6)))})`;
  return output === '' ? sentence : `${sentence}: ${output}`;
}
