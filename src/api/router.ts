/**
 * From method and path to a handler. Every path has at most one parameter, which may contain slashes, as image names
 * do.
 */
import { percentDecode } from './query.ts';
import type { Exchange } from './exchange.ts';

export interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** `/containers/{id}/json`; `{name}` stands for one or more path segments. */
  readonly path: string;
  readonly handler: (exchange: Exchange) => Promise<void> | void;
}

type Handler = Route['handler'];

export const get = (path: string, handler: Handler): Route => ({ method: 'GET', path, handler });
export const head = (path: string, handler: Handler): Route => ({ method: 'HEAD', path, handler });
export const post = (path: string, handler: Handler): Route => ({ method: 'POST', path, handler });
export const put = (path: string, handler: Handler): Route => ({ method: 'PUT', path, handler });
export const del = (path: string, handler: Handler): Route => ({ method: 'DELETE', path, handler });

export interface Match {
  readonly route: Route;
  readonly param: string;
}

/** A path split at its parameter. */
interface Pattern {
  readonly prefix: string;
  readonly suffix: string;
  readonly route: Route;
}

interface MethodTable {
  readonly exact: Map<string, Match>;
  /** By prefix (`/containers/`), the longest suffix first. */
  readonly patterns: Map<string, Pattern[]>;
}

export class Router {
  readonly #methods = new Map<string, MethodTable>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route);
    for (const { patterns } of this.#methods.values()) {
      for (const list of patterns.values()) list.sort((a, b) => b.suffix.length - a.suffix.length);
    }
  }

  /** The route for a decoded path without version; undefined when there is none. */
  find(method: string, path: string): Match | undefined {
    const table = this.#methods.get(method);
    if (table === undefined) return undefined;
    const exact = table.exact.get(path);
    if (exact !== undefined) return exact;
    const slash = path.indexOf('/', 1);
    if (slash === -1) return undefined;
    for (const { prefix, suffix, route } of table.patterns.get(path.slice(0, slash + 1)) ?? []) {
      if (path.length > prefix.length + suffix.length && path.endsWith(suffix)) {
        return { route, param: path.slice(prefix.length, path.length - suffix.length) };
      }
    }
    return undefined;
  }

  #add(route: Route): void {
    let table = this.#methods.get(route.method);
    if (table === undefined) this.#methods.set(route.method, (table = { exact: new Map(), patterns: new Map() }));
    const parts = /^(\/[a-z]+\/)\{[a-z]+\}(.*)$/.exec(route.path);
    if (parts === null) {
      table.exact.set(route.path, { route, param: '' });
      return;
    }
    const [, prefix = '', suffix = ''] = parts;
    const list = table.patterns.get(prefix) ?? [];
    list.push({ prefix, suffix, route });
    table.patterns.set(prefix, list);
  }
}

export interface Target {
  /** Decoded, without version. */
  readonly path: string;
  /** `1.51`; undefined when the path names none. */
  readonly version: string | undefined;
  /** What follows `?`, not decoded. */
  readonly query: string;
}

/**
 * Splits a request target.
 * @throws invalid-parameter on a bad escape
 */
export function parseTarget(target: string): Target {
  const mark = target.indexOf('?');
  const query = mark === -1 ? '' : target.slice(mark + 1);
  const encoded = mark === -1 ? target : target.slice(0, mark);
  const path = encoded.includes('%') ? percentDecode(encoded) : encoded;
  // `/volumes` would otherwise go through the expression, too.
  const version = path.charCodeAt(2) <= 57 ? /^\/v([0-9.]+)(?=\/)/.exec(path)?.[1] : undefined;
  return { path: version === undefined ? path : path.slice(version.length + 2), version, query };
}

/** A decoded path as gorilla/mux cleans it, or undefined when it is clean: Docker redirects there. */
export function cleanPath(path: string): string | undefined {
  if (!path.includes('//') && !path.includes('/.')) return undefined;
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  const clean = `/${segments.join('/')}${path.endsWith('/') && segments.length > 0 ? '/' : ''}`;
  return clean === path ? undefined : clean;
}
