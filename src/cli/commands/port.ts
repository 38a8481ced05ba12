import type { Command } from '../command.ts';
import { containerPath } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import { print } from '../io/output.ts';

interface Published {
  readonly Port: string;
  readonly HostIp: string;
  readonly HostPort: string;
}

interface Explained extends Published {
  readonly Network: string;
  readonly Address: string;
  readonly Reach: readonly { readonly From: string; readonly SeenAs: string; readonly By: string }[];
  readonly Passes: readonly string[];
}

export const command: Command = {
  usage: 'CONTAINER [PORT[/PROTOCOL]]',
  summary: 'Show the ports of the host that lead to a container',
  flags: [flag('explain', 'bool', 'Say for each who reaches it, and by which rules')],
  least: 1,
  most: 2,
  async run(context, flags, [container = '', wanted]) {
    const engine = await context.engine();
    const answer = await engine.request('GET', containerPath(container, '/ports'));
    const all = await answer.json<Explained[]>();
    const port = wanted === undefined || wanted.includes('/') ? wanted : `${wanted}/tcp`;
    const chosen = port === undefined ? all : all.filter(({ Port }) => Port === port.toLowerCase());
    if (port !== undefined && chosen.length === 0) throw new ExitError(1, `Error: No public port '${wanted}' published for ${container}`);
    const show = flags.bool('explain') ? explained : port === undefined ? line : hostText;
    print(chosen.toSorted(byPort).map((each) => `${show(each)}\n`).join(''));
    return 0;
  },
};

const number = (port: string): number => Number.parseInt(port, 10);
/** As the docker command has them: by the container's port, then as texts. */
const byPort = (one: Published, other: Published): number => number(one.Port) - number(other.Port) || (line(one) < line(other) ? -1 : 1);

const hostText = ({ HostIp, HostPort }: Published): string => (HostIp.includes(':') ? `[${HostIp}]:${HostPort}` : `${HostIp}:${HostPort}`);
const line = (published: Published): string => `${published.Port} -> ${hostText(published)}`;

function explained(published: Explained): string {
  const { Network, Address, Reach, Passes } = published;
  return [
    `${line(published)}   (network ${Network}, ${Address})`,
    ...Reach.flatMap(({ From, SeenAs, By }) => [`  from ${From}`, `    seen as ${SeenAs}; ${By}`]),
    ...(Passes.length === 0 ? [] : [`  other rules on the way from outside: ${Passes.join(', ')}`]),
  ].join('\n');
}
