/**
 * Image references: `[domain/]path[:tag][@digest]`, and what Docker makes of short ones (`busybox` is
 * docker.io/library/busybox). The grammar and the error texts are those of github.com/distribution/reference, which
 * Docker uses.
 */
import { invalidParameter } from '../errors.ts';
import { type Digest, isDigest } from '../storage/digest.ts';

export interface Reference {
  /** The full repository name: `docker.io/library/busybox`. */
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

export const defaultDomain = 'docker.io';
export const defaultTag = 'latest';
const officialPath = 'library/';

const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domain = `(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const pathComponent = '[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*';
const tagPattern = '[\\w][\\w.-]{0,127}';
const digestPattern = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const grammar = new RegExp(
  `^((?:${domain}/)?${pathComponent}(?:/${pathComponent})*)(?::(${tagPattern}))?(?:@(${digestPattern}))?$`,
);
const tagGrammar = new RegExp(`^${tagPattern}$`);
/** Of the repository's path, the domain not counted. */
const maxPathLength = 255;

/**
 * Parses what a person wrote. Throws invalid-parameter with Docker's texts. A tag is not added where there is none;
 * `withDefaultTag` does that.
 */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw invalidParameter(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`, {
      object: text,
    });
  }
  const [prefix, rest] = splitDomain(text);
  const colon = rest.indexOf(':');
  const path = colon === -1 ? rest : rest.slice(0, colon);
  if (path !== path.toLowerCase()) {
    throw invalidParameter(`invalid reference format: repository name (${path}) must be lowercase`, { object: text });
  }
  // Longer than any reference: the expression below is not run on it.
  const match = text.length > 4096 ? null : grammar.exec(`${prefix}/${rest}`);
  if (!match) throw invalidParameter('invalid reference format', { object: text });
  const [, name, tag, digest] = match;
  if (name!.length - prefix.length - 1 > maxPathLength) {
    throw invalidParameter('repository name must not be more than 255 characters', { object: text });
  }
  if (digest !== undefined && !isDigest(digest))
    throw invalidParameter('unsupported digest algorithm', { object: text });
  return { name: name!, tag, digest };
}

/** A reference to a tag. Throws invalid-parameter, with Docker's text, for what is no tag. */
export function taggedReference(repo: string, tag: string): Reference {
  const reference = parseReference(repo);
  if (tag === '') return withDefaultTag(reference);
  if (!tagGrammar.test(tag)) throw invalidParameter('invalid tag format', { object: tag });
  return { ...reference, tag };
}

/**
 * The name that a new or old image is to get; undefined when `repo` is empty. Throws invalid-parameter with Docker's texts for
 * what cannot be a name, or would look like an id.
 */
export function nameForNewImage(repo: string, tag: string): Reference | undefined {
  if (repo === '') return undefined;
  if (parseReference(repo).digest !== undefined) throw invalidParameter('cannot import digest reference', { object: repo });
  const reference = withDefaultTag(taggedReference(repo, tag));
  if (familiarName(reference.name) === 'sha256') {
    throw invalidParameter('refusing to create an ambiguous tag using digest algorithm as name', { object: repo });
  }
  return reference;
}

/** `latest` where there is neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: defaultTag } : reference;
}

/** The name as Docker shows it: `busybox` for docker.io/library/busybox. */
export function familiarName(name: string): string {
  if (!name.startsWith(`${defaultDomain}/`)) return name;
  const path = name.slice(defaultDomain.length + 1);
  const short = path.startsWith(officialPath) ? path.slice(officialPath.length) : path;
  return short.includes('/') && path !== short ? path : short;
}

/** The whole reference as Docker shows it: `busybox:latest`. */
export function familiar(reference: Reference): string {
  return `${familiarName(reference.name)}${suffix(reference)}`;
}

/** The whole reference in full: `docker.io/library/busybox:latest`. */
export function canonical(reference: Reference): string {
  return `${reference.name}${suffix(reference)}`;
}

function suffix({ tag, digest }: Reference): string {
  return `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/**
 * The first part is a domain when it looks like one: it has a dot or a port, is `localhost`, or has a capital letter.
 */
function splitDomain(text: string): [domain: string, rest: string] {
  const slash = text.indexOf('/');
  const first = slash === -1 ? '' : text.slice(0, slash);
  const isDomain = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  let [prefix, rest] = isDomain ? [first, text.slice(slash + 1)] : [defaultDomain, text];
  if (prefix === 'index.docker.io') prefix = defaultDomain;
  if (prefix === defaultDomain && !rest.includes('/')) rest = `${officialPath}${rest}`;
  return [prefix, rest];
}
