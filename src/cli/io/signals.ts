/** Signals that people and supervisors send to us, passed on to the container. */

/** Docker passes on everything that can be caught, but those that say something about our own process alone. */
const PROXIED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT', 'SIGTSTP'] as const;

/** Calls `send` with the name of each signal that arrives, without `SIG`. */
export function proxySignals(send: (signal: string) => void): void {
  for (const signal of PROXIED) process.on(signal, () => send(signal.slice(3)));
}
