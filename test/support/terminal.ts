/** A command on a pseudo-terminal, as a person at a keyboard uses it. */

export class TerminalSession {
  #text = '';
  #waiters: (() => void)[] = [];
  readonly #process: Bun.Subprocess;

  constructor(argv: readonly string[], env: Readonly<Record<string, string>>, size = { columns: 80, rows: 24 }) {
    this.#process = Bun.spawn([...argv], {
      env: { ...process.env, TERM: 'xterm', ...env },
      terminal: {
        cols: size.columns,
        rows: size.rows,
        data: (_, bytes) => {
          this.#text += Buffer.from(bytes).toString();
          this.#wake();
        },
      },
    });
    void this.#process.exited.then(() => this.#wake());
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  /** Everything shown so far. */
  get text(): string {
    return this.#text;
  }

  type(keys: string): void {
    this.#process.terminal?.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#process.terminal?.resize(columns, rows);
  }

  /** Waits until what is shown matches; fails when the command ends first. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) return match;
      if (this.#process.exitCode !== null) throw new Error(`the command ended without showing ${pattern}:\n${this.#text}`);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  /** The exit code. */
  async ended(): Promise<number> {
    const code = await this.#process.exited;
    this.#process.terminal?.close();
    return code;
  }
}
