import type { Command } from '../command.ts';
import { hubAddress, store, storedCredentials, storedName } from '../credentials/config-file.ts';
import { EngineError, ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import type { Flags } from '../flags/values.ts';
import { readDescriptor } from '../io/input.ts';
import { isTerminal, print, printError, printLine } from '../io/output.ts';

export const command: Command = {
  usage: '[OPTIONS] [SERVER]',
  summary: 'Log in to a registry',
  notes: 'Without SERVER: Docker Hub. Credentials are kept in config.json, as the docker command keeps them (DOCKER_CONFIG, or ~/.docker);\n' +
    'credential helpers are not used.',
  flags: [
    flag('p,password', 'string', 'Password or token'),
    flag('password-stdin', 'bool', 'Take the password from stdin'),
    flag('u,username', 'string', 'User name'),
  ],
  least: 0,
  most: 1,
  async run(context, flags, args) {
    const name = storedName(args[0] ?? '');
    const credentials = await credentialsFor(name, flags);
    const engine = await context.engine();
    const json = { ...credentials, serveraddress: name };
    const answer = await engine.request('POST', '/auth', { json });
    const { IdentityToken = '', Status = '' } = await answer.json<{ IdentityToken?: string; Status?: string }>();
    store({ ...json, ...(IdentityToken === '' ? {} : { identitytoken: IdentityToken }) });
    printLine(Status);
    return 0;
  },
};

interface Given {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

/** What the options say, what is stored, or what somebody types. */
async function credentialsFor(name: string, flags: Flags): Promise<Given> {
  const username = flags.string('username');
  const password = flags.string('password');
  if (flags.bool('password-stdin')) {
    if (password !== '') throw new ExitError(1, '--password and --password-stdin are mutually exclusive');
    if (username === '') throw new ExitError(1, 'Must provide --username with --password-stdin');
    return { username, password: (await allInput()).replace(/[\r\n]+$/, '') };
  }
  if (username !== '' && password !== '') {
    printError('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
    return { username, password };
  }
  const stored = username === '' ? storedCredentials(name) : undefined;
  if (stored !== undefined) return stored;
  if (!isTerminal(0)) throw new ExitError(1, 'Error: Cannot perform an interactive login from a non TTY device');
  const shown = name === hubAddress ? 'Docker Hub' : name;
  const user = username || (await typed(`Username for ${shown}: `, true));
  return { username: user, password: await typed('Password: ', false) };
}

async function allInput(): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readDescriptor(0)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** One line from the terminal; a password is not shown. */
async function typed(prompt: string, shown: boolean): Promise<string> {
  print(prompt);
  const { enterRawMode, leaveRawMode } = await import('../io/terminal.ts');
  if (!shown) enterRawMode();
  let line = '';
  try {
    for await (const chunk of readDescriptor(0)) {
      line += Buffer.from(chunk).toString('utf8');
      if (line.includes('\x03')) throw new ExitError(130, '');
      if (/[\r\n]/.test(line)) break;
    }
  } finally {
    if (!shown) {
      leaveRawMode();
      print('\n');
    }
  }
  const text = edited(line.split(/[\r\n]/)[0]!);
  if (text === '') throw new EngineError(0, shown ? 'Username is required' : 'Password Required');
  return text;
}

/** Backspace, as a raw terminal hands it on. */
function edited(line: string): string {
  const characters: string[] = [];
  for (const character of line) {
    if (character === '\x7f' || character === '\b') characters.pop();
    else characters.push(character);
  }
  return characters.join('');
}
