/** Paths of the Engine API, without a version: every engine answers those with its newest. */

/** `/containers/NAME` and what follows; names and ids have no characters that would need more than this. */
export function containerPath(ref: string, rest = ''): string {
  return `/containers/${encodeURIComponent(ref)}${rest}`;
}

/** `/images/NAME` and what follows; a reference's slashes, colon and at-sign stay as they are, as Docker's clients send them. */
export function imagePath(ref: string, rest = ''): string {
  return `/images/${encodeURIComponent(ref).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%40', '@')}${rest}`;
}

export function networkPath(ref: string, rest = ''): string {
  return `/networks/${encodeURIComponent(ref)}${rest}`;
}

export function execPath(id: string, rest: string): string {
  return `/exec/${encodeURIComponent(id)}${rest}`;
}

/** Splits `repo:tag` as clients do; a digest stays with the repository, a port is no tag. */
export function splitReference(reference: string): { readonly repo: string; readonly tag: string } {
  const colon = reference.lastIndexOf(':');
  if (reference.includes('@') || colon < 0 || reference.includes('/', colon)) return { repo: reference, tag: '' };
  return { repo: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}
