/** Stages run at once and are told one after the other: what a later one says waits for the end of those before it. */

/** Settles when the receiver is no longer behind; undefined when it is not. */
type Behind = Promise<void> | undefined;

export interface Channel<Item> {
  /** Who writes much waits for what is returned. */
  write(item: Item): Behind;
  /** Nothing more comes. */
  close(): void;
}

/** Items that wait before who writes them has to, too. */
const maxWaiting = 1000;

interface Waiting<Item> {
  items: Item[];
  closed: boolean;
  /** Settles when the items have been told. */
  readonly told: PromiseWithResolvers<void>;
}

export class OrderedOutput<Item> {
  readonly #send: (item: Item) => Behind;
  readonly #channels: Waiting<Item>[] = [];
  /** Index of the channel that is being told. */
  #current = 0;

  constructor(send: (item: Item) => Behind) {
    this.#send = send;
  }

  /** Channels are told in the order in which they were opened. */
  open(): Channel<Item> {
    const own: Waiting<Item> = { items: [], closed: false, told: Promise.withResolvers<void>() };
    const index = this.#channels.push(own) - 1;
    return {
      write: (item) => {
        if (index === this.#current) return this.#send(item);
        // Told in vain: another one has failed.
        if (index < this.#current) return undefined;
        own.items.push(item);
        // No stage waits for a later one, so that this ends.
        return own.items.length > maxWaiting ? own.told.promise : undefined;
      },
      close: () => {
        own.closed = true;
        this.#advance();
      },
    };
  }

  /** Tells what one channel has said, and nothing of others any more. */
  only(index: number): void {
    this.#current = index;
    this.#flush(index);
  }

  #flush(index: number): void {
    const channel = this.#channels[index];
    if (channel === undefined) return;
    for (const item of channel.items.splice(0)) void this.#send(item);
    channel.told.resolve();
  }

  #advance(): void {
    while (this.#channels[this.#current]?.closed === true) {
      this.#current++;
      this.#flush(this.#current);
    }
  }
}
