/** Names of git repositories as Dockerfiles and clients write them (Dockerfile reference, "Adding files from a Git repository"). */
import { invalidParameter } from '../../errors.ts';

export interface GitSource {
  /** What git is given. */
  readonly remote: string;
  /** Branch, tag or commit; empty for what the repository shows by itself. */
  readonly ref: string;
  /** Directory in it; empty for all. */
  readonly subdirectory: string;
  /** The commit that `ref` must be, or the beginning of its hash; empty for any. */
  readonly checksum: string;
  readonly keepGitDirectory: boolean;
  readonly submodules: boolean;
}

/** Never `file` or `ext`: a client names what the daemon's own user may read, or run. */
export const protocols = ['http', 'https', 'git', 'ssh'] as const;

/** Neither part begins with a dash: it would be an option of ssh's. */
const isScp = /^[a-zA-Z0-9_][a-zA-Z0-9_-]*@[a-zA-Z0-9][a-zA-Z0-9.-]*:[^/]/;
const isOther = /^(?:git|ssh):\/\/(?!-)/;
/** `https://host/path.git`, with a fragment or a query behind. */
const isWeb = /^https?:\/\/[^?#]*\.git(?:[?#]|$)/;

export const isGitUrl = (text: string): boolean => isOther.test(text) || isScp.test(text) || isWeb.test(text);

/** Throws invalid-parameter for what no repository is called. */
export function parseGitUrl(text: string): GitSource {
  const hash = text.indexOf('#');
  const fragment = hash === -1 ? '' : text.slice(hash + 1);
  const [remote = '', search = ''] = (hash === -1 ? text : text.slice(0, hash)).split(/\?([^]*)/);
  if (/[\0-\x20\x7f]/.test(remote)) throw invalidParameter(`invalid git repository: ${JSON.stringify(text)}`, { object: text }); // oxlint-disable-line no-control-regex -- that is what is refused
  const colon = fragment.indexOf(':');
  const parts = { ref: colon === -1 ? fragment : fragment.slice(0, colon), subdirectory: colon === -1 ? '' : fragment.slice(colon + 1) };
  const source = { remote, ...parts, checksum: '', keepGitDirectory: false, submodules: true, ...fromQuery(new URLSearchParams(search), text, fragment !== '') };
  checkRef(source.ref, text);
  return { ...source, subdirectory: source.subdirectory === '/' ? '' : source.subdirectory };
}

type Draft = { -readonly [Key in keyof GitSource]?: GitSource[Key] };

function fromQuery(query: URLSearchParams, text: string, hasFragment: boolean): Draft {
  const draft: Draft = {};
  for (const [key, value] of query) {
    switch (key) {
      case 'ref': case 'branch': case 'tag': case 'commit':
        if (hasFragment || draft.ref !== undefined) throw invalidParameter(`ref conflicts: ${JSON.stringify(text)} names several`, { object: text });
        draft.ref = key === 'branch' ? `refs/heads/${value}` : key === 'tag' ? `refs/tags/${value}` : value;
        break;
      case 'subdir': draft.subdirectory = value; break;
      case 'checksum': draft.checksum = value; break;
      case 'keep-git-dir': draft.keepGitDirectory = isTrue(key, value); break;
      case 'submodules': draft.submodules = isTrue(key, value); break;
      default: throw invalidParameter(`unexpected query ${JSON.stringify(key)}`, { object: text });
    }
  }
  return draft;
}

function isTrue(key: string, value: string): boolean {
  if (value === '' || value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalidParameter(`invalid ${key} value: ${JSON.stringify(value)}`);
}

/** What git would take for an option, or for several refs, is none (git-check-ref-format(1)). */
function checkRef(ref: string, text: string): void {
  if (ref.startsWith('-') || /[\0-\x20~^:?*[\\\x7f]|\.\./.test(ref)) throw invalidParameter(`invalid git ref ${JSON.stringify(ref)}`, { object: text }); // oxlint-disable-line no-control-regex -- that is what is refused
}
