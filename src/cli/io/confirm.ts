import { ExitError } from '../errors.ts';
import { readDescriptor } from './input.ts';
import { print } from './output.ts';

/** Asks on the terminal. Throws ExitError for anything but yes. */
export async function confirm(warning: string): Promise<void> {
  print(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `);
  for await (const chunk of readDescriptor(0)) {
    if (/^y(es)?\s*$/i.test(Buffer.from(chunk).toString())) return;
    break;
  }
  throw new ExitError(1, 'nothing was removed');
}
