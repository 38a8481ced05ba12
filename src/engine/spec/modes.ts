/** Namespace modes as HostConfig writes them: `host`, `private`, `container:ID` … */

export type NamespaceMode =
  | { readonly kind: 'default' }
  | { readonly kind: 'private' }
  | { readonly kind: 'host' }
  | { readonly kind: 'none' }
  | { readonly kind: 'shareable' }
  /** `container` is a name or an id, as given. */
  | { readonly kind: 'container'; readonly container: string }
  | { readonly kind: 'other'; readonly text: string };

const words = new Set(['private', 'host', 'none', 'shareable']);

/** Reads a mode. What it does not know is `other`: a network's name, or an error. */
export function parseMode(text: string | undefined): NamespaceMode {
  if (text === undefined || text === '') return { kind: 'default' };
  if (text.startsWith('container:')) {
    const container = text.slice('container:'.length);
    return container === '' ? { kind: 'other', text } : { kind: 'container', container };
  }
  return words.has(text) ? { kind: text as 'private' | 'host' | 'none' | 'shareable' } : { kind: 'other', text };
}

/** Kinds that each namespace's option accepts. */
const accepted = {
  ipc: ['default', 'none', 'private', 'host', 'shareable', 'container'],
  pid: ['default', 'host', 'container'],
  uts: ['default', 'host'],
  user: ['default', 'host'],
  cgroup: ['default', 'private', 'host'],
} as const satisfies Record<string, readonly NamespaceMode['kind'][]>;

/** True when Docker accepts this mode for this namespace. */
export function isValidMode(namespace: keyof typeof accepted, text: string | undefined): boolean {
  return (accepted[namespace] as readonly string[]).includes(parseMode(text).kind);
}

/** True for a network namespace of the container's own: neither the host's nor another container's. */
export function isPrivateNetwork(text: string | undefined): boolean {
  const { kind } = parseMode(text);
  return kind !== 'host' && kind !== 'container';
}
