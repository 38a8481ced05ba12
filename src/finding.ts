/** What `caisson system check` finds: something in a data root that is not as it should be. */
export interface Finding {
  readonly kind: 'database' | 'layer' | 'image' | 'container' | 'volume' | 'mount' | 'leftover';
  /** What it is about: an id, a name, a path. */
  readonly object: string;
  /** What is wrong, how that can have come about, and what a repair does; sentences. */
  readonly problem: string;
  readonly reason: string;
  readonly remedy: string;
  /** Undefined where only people can help. Rejects when it cannot be done now. */
  readonly repair?: () => Promise<void>;
}

/** Files that nothing knows of, and what is done about them. */
export function leftover(path: string, what: string, remove: () => Promise<void>): Finding {
  return {
    kind: 'leftover', object: path, problem: `${what}, of which nothing knows.`,
    reason: 'A daemon was killed, or its host went down, between two steps; or somebody has put it there.',
    remedy: 'It is removed.', repair: remove,
  };
}
