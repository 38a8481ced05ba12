/** Starts the engine in the background and waits until it says that it listens, or why it cannot. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { defaultExecRoot } from '../engine/daemon-options.ts';
import { ExitError } from './errors.ts';
import type { HttpClient } from './http/client.ts';
import { printError } from './io/output.ts';

const LOG = '/var/log/caisson.log';

/** Throws ExitError with one sentence when the engine cannot be started. */
export async function startDaemon(): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new ExitError(1, 'caisson: no engine is running, and only root can start one: use sudo, or let root run `caisson daemon`');
  }
  const log = openLog();
  // The engine starts its own time and place: session, directory, environment; the terminal may go without it noticing.
  const child = spawn(process.execPath, [...ownEntry(), 'daemon'], {
    detached: true,
    cwd: '/',
    env: daemonEnvironment(),
    stdio: ['ignore', log.descriptor, log.descriptor, 'pipe'],
  });
  fs.closeSync(log.descriptor);
  child.unref();
  const answer = await firstWords(child);
  if (answer === 'ready') return;
  throw new ExitError(1, answer === '' ? `caisson: the engine ended while it started; its log is ${log.path}` : `caisson: ${answer}`);
}

function openLog(): { descriptor: number; path: string } {
  for (const path of [LOG, `${defaultExecRoot}/daemon.log`]) {
    try {
      fs.mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true });
      return { descriptor: fs.openSync(path, 'a', 0o640), path };
    } catch {
      // A read-only /var is a reason to log elsewhere, not to fail.
    }
  }
  printError('caisson: no log file can be written; the engine logs nowhere');
  return { descriptor: fs.openSync('/dev/null', 'w'), path: '/dev/null' };
}

/** What to start us with: nothing for the compiled executable, the entry file for a source tree. */
function ownEntry(): string[] {
  return import.meta.url.includes('/$bunfs/') ? [] : [process.argv[1] as string];
}

function daemonEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { CAISSON_READY_FD: '3' };
  for (const name of ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'CAISSON_DEBUG']) {
    if (process.env[name] !== undefined) environment[name] = process.env[name];
  }
  return environment;
}

/** Everything the engine writes to its descriptor 3 until it closes it, or ends. */
function firstWords(child: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.on('error', (error) => reject(new ExitError(1, `caisson: the engine cannot be started: ${error.message}`)));
    const pipe = child.stdio[3] as NodeJS.ReadableStream;
    const settle = () => resolve(text.trim());
    pipe.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) settle();
    });
    pipe.on('end', settle);
    pipe.on('error', settle);
    child.on('exit', settle);
  });
}

/** How long an engine that another command has started may take to come up. */
const PATIENCE_MS = 10_000;

/** Waits for an engine that is being started elsewhere: connects whenever something happens in the sockets' directory. */
export function socketAppears(client: HttpClient): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (connected: boolean) => {
      watcher.close();
      clearTimeout(timer);
      resolve(connected);
    };
    const attempt = () => {
      client.connect().then(() => settle(true), () => undefined);
    };
    const watcher = fs.watch(defaultExecRoot, attempt);
    const timer = setTimeout(() => settle(false), PATIENCE_MS);
    attempt();
  });
}
