/**
 * The host's `git`: fetching from all that speaks its protocols is nothing to build in. It asks nobody, reads nobody's configuration,
 * runs no hooks, and speaks over no protocol that leads to the host's own files or programs (CVE-2017-1000117, CVE-2022-39253).
 */
import { spawn } from 'node:child_process';
import { notImplemented, systemError } from '../../errors.ts';
import { protocols } from './url.ts';

/** The last words, in bytes. */
const maxOutput = 64 * 1024;

const environment = (home: string): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  // Proxies, and certificates of the host's own, are for git as for everybody.
  ...Object.fromEntries(['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR'].flatMap((name) =>
    (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
  HOME: home, LC_ALL: 'C', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_ATTR_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '/bin/false',
  GIT_ALLOW_PROTOCOL: protocols.join(':'), GIT_SSH_COMMAND: 'ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes',
});

const settings = [
  'core.hooksPath=/dev/null', 'core.fsmonitor=false', 'core.protectHFS=true', 'core.protectNTFS=true', 'protocol.file.allow=never', 'protocol.ext.allow=never',
  'credential.helper=', 'http.followRedirects=initial', 'advice.detachedHead=false', 'gc.auto=0', 'init.defaultBranch=main',
].flatMap((setting) => ['-c', setting]);

/** Its output. Rejects with not-implemented where there is no git, and with system and git's own last words when it fails. */
export async function git(directory: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const child = spawn('git', [...settings, ...args], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], env: environment(directory), signal, killSignal: 'SIGKILL' });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) child[stream].on('data', (chunk: Buffer) => { said[stream] = (said[stream] + chunk.toString()).slice(-maxOutput); });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT'
      ? notImplemented('building from git repositories needs the program git, which is not on this host: install it (apt-get install git), or send the files')
      : error));
    child.on('close', resolve);
  });
  if (code !== 0) throw systemError(`git ${args[0]}: ${said.stderr.trim().split('\n').slice(-3).join('\n') || `ended with ${code}`}`, { operation: `git ${args[0]}` });
  return said.stdout.trim();
}
