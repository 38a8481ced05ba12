import type { Command } from '../command.ts';
import { describeError } from '../context.ts';
import { ExitError } from '../errors.ts';
import { print, printError, printLine } from '../io/output.ts';
import { FORMAT_FLAG } from '../inspecting.ts';
import { version } from '../../version.ts';

interface ServerVersion {
  readonly Platform?: { readonly Name: string };
  readonly Components?: readonly { readonly Name: string; readonly Version: string }[] | null;
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion?: string;
  readonly Os: string;
  readonly Arch: string;
  readonly KernelVersion?: string;
  readonly GitCommit?: string;
  readonly BuildTime?: string;
}

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Show the versions of client and engine',
  flags: [FORMAT_FLAG],
  least: 0,
  most: 0,
  async run(context, flags) {
    const client = { Version: version, ApiVersion: '1.51', Os: 'linux', Arch: process.arch === 'x64' ? 'amd64' : process.arch, Bun: process.versions.bun ?? '' };
    // Asking for versions is not a reason to start an engine.
    const outcome = await context.client.connect()
      .then(async () => (await context.client.request('GET', '/version')).json<ServerVersion>())
      .catch((error: unknown) => new ExitError(1, notRunning(context.host, error)));
    const server = outcome instanceof ExitError ? null : outcome;
    const format = flags.string('format');
    if (format === '') print(describe(client, server));
    else if (format === 'json') printLine(JSON.stringify({ Client: client, Server: server }));
    else printLine(new (await import('../format/template.ts')).Template(format).execute({ Client: client, Server: server }));
    if (!(outcome instanceof ExitError)) return 0;
    printError(outcome.message);
    return outcome.code;
  },
};

/** `caisson --version`. */
export function printOwnVersion(): number {
  printLine(`Caisson version ${version}`);
  return 0;
}

function notRunning(host: string, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== 'ENOENT' && code !== 'ECONNREFUSED') return describeError(error);
  return `No engine is running at ${host}; the next command that needs one starts it.`;
}

const line = (name: string, value: string | undefined) => (value ? ` ${`${name}:`.padEnd(19)}${value}\n` : '');

function describe(client: Readonly<Record<string, string>>, server: ServerVersion | null): string {
  const { Version, ApiVersion, Os, Arch, Bun } = client;
  let text = `Client: Caisson\n${line('Version', Version)}${line('API version', ApiVersion)}${line('Bun', Bun)}${line('OS/Arch', `${Os}/${Arch}`)}`;
  if (server === null) return text;
  const minimum = server.MinAPIVersion === undefined ? '' : ` (minimum version ${server.MinAPIVersion})`;
  text += `\nServer: ${server.Platform?.Name || 'Engine'}\n${line('Version', server.Version)}`;
  text += line('API version', server.ApiVersion + minimum) + line('OS/Arch', `${server.Os}/${server.Arch}`);
  text += line('Kernel', server.KernelVersion) + line('Git commit', server.GitCommit) + line('Built', server.BuildTime);
  for (const { Name, Version: componentVersion } of server.Components ?? []) if (Name !== 'Engine') text += line(Name, componentVersion);
  return text;
}
