/** Signals that people and supervisors send to us, passed on to the container. */

import { printError } from './output.ts';

/** Docker passes on everything that can be caught, but those that say something about our own process alone. */
const PROXIED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT', 'SIGTSTP'] as const;

/**
 * Calls `send` with the name of each signal that arrives, without `SIG`. Who interrupts for the third time wants out, whatever
 * the container makes of it.
 */
export function proxySignals(send: (signal: string) => void): void {
  let interruptions = 0;
  for (const signal of PROXIED) {
    process.on(signal, () => {
      if ((signal === 'SIGINT' || signal === 'SIGTERM') && ++interruptions === 3) {
        printError('\ngot 3 SIGTERM/SIGINTs, forcefully exiting');
        process.exit(1);
      }
      send(signal.slice(3));
    });
  }
}
