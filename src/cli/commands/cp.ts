import type { Command } from '../command.ts';
import { copyIn } from '../copy/copy-in.ts';
import { copyOut } from '../copy/copy-out.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import { humanSize } from '../format/quantity.ts';
import { isTerminal, printError } from '../io/output.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n       caisson cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  summary: 'Copy files between a container and the local file system',
  flags: [
    flag('a,archive', 'bool', "Give what is copied in to the container's user"),
    flag('L,follow-link', 'bool', 'Copy what a symlink leads to, not the link'),
    flag('q,quiet', 'bool', 'Do not say how much was copied'),
  ],
  least: 2,
  most: 2,
  notes: "With '-' as the source, a tar archive from stdin is extracted to a directory of the container; with '-' as the destination, one is written to stdout.",
  async run(context, flags, [source = '', destination = '']) {
    if (source === '') throw new ExitError(1, 'source can not be empty');
    if (destination === '') throw new ExitError(1, 'destination can not be empty');
    const [from, to] = [splitArgument(source), splitArgument(destination)];
    const options = { archive: flags.bool('archive'), followLink: flags.bool('follow-link') };
    if (from.container !== '' && to.container !== '') throw new ExitError(1, 'copying between containers is not supported');
    if (from.container === '' && to.container === '') throw new ExitError(1, 'must specify at least one container source');
    const engine = await context.engine();
    const copied = from.container === ''
      ? await copyIn(engine, from.path, to, options)
      : await copyOut(engine, from, to.path, options);
    if (copied !== undefined && !flags.bool('quiet') && isTerminal(1)) printError(`Successfully copied ${humanSize(copied, 3)} to ${destination}`);
    return 0;
  },
};

/** A local path with a colon begins with `/` or `.`, as with scp. */
function splitArgument(argument: string): { readonly container: string; readonly path: string } {
  const colon = argument.indexOf(':');
  if (argument.startsWith('/') || argument.startsWith('.') || colon < 0) return { container: '', path: argument };
  return { container: argument.slice(0, colon), path: argument.slice(colon + 1) };
}
