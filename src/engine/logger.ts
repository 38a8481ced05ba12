/** The daemon's own log: one line an event on stderr, with time, level, message and facts. */

type Facts = Readonly<Record<string, unknown>>;

/** What was seen, and on what. A failure goes in as `error`. */
export interface Logger {
  debug(message: string, facts?: Facts): void;
  info(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  error(message: string, facts?: Facts): void;
}

export function createLogger(debug: boolean): Logger {
  const write = (level: string) => (message: string, facts: Facts = {}) => {
    const pairs = Object.entries(facts).map(([key, value]) => ` ${key}=${JSON.stringify(shown(value))}`).join('');
    process.stderr.write(`${new Date().toISOString()} ${level} ${message}${pairs}\n`);
  };
  return { debug: debug ? write('debug') : () => undefined, info: write('info'), warn: write('warn'), error: write('error') };
}

/** An error with where it came from: whoever reads the log has to find it. */
const shown = (value: unknown) => (value instanceof Error ? value.stack ?? String(value) : value);
