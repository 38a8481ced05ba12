/**
 * Matching of shell patterns in time proportional to pattern and text: patterns come from clients, and a regular expression
 * with many stars takes exponential time to fail. All states of a pattern are followed at once (Thompson's construction).
 */

/** One piece of a pattern. */
export type Token =
  /** One character for which the function answers true. */
  | { readonly kind: 'one'; readonly accepts: (character: string) => boolean }
  /** Any number of such characters. */
  | { readonly kind: 'many'; readonly accepts: (character: string) => boolean }
  /** Nothing, or anything that ends with a slash: `**` before the next component. */
  | { readonly kind: 'directories' };

export const literal = (expected: string): Token => ({ kind: 'one', accepts: (character) => character === expected });
export const notSlash = (character: string): boolean => character !== '/';

/** Whether the tokens match the whole text. */
export function matchesWhole(tokens: readonly Token[], text: string): boolean {
  return matchEnds(tokens, Array.from(text), 0).longest === Array.from(text).length;
}

export interface Ends {
  /** Where the shortest match that begins at the given place ends; undefined when there is none. */
  readonly shortest: number | undefined;
  readonly longest: number | undefined;
}

/** Ends of the matches that begin at `start`. Characters are code points. */
export function matchEnds(tokens: readonly Token[], text: readonly string[], start: number): Ends {
  let states = new Set<number>();
  let shortest: number | undefined;
  let longest: number | undefined;
  enter(tokens, states, 0);
  for (let at = start; ; at++) {
    if (states.has(tokens.length)) {
      shortest ??= at;
      longest = at;
    }
    const character = text[at];
    if (character === undefined || states.size === 0) return { shortest, longest };
    states = step(tokens, states, character);
  }
}

function step(tokens: readonly Token[], states: ReadonlySet<number>, character: string): Set<number> {
  const next = new Set<number>();
  for (const state of states) {
    // A negative state is inside the directories token before it, in the middle of a name.
    const token = tokens[state < 0 ? -state - 1 : state];
    if (token === undefined) continue;
    if (token.kind === 'directories') {
      const position = state < 0 ? -state - 1 : state;
      next.add(-position - 1);
      if (character === '/') enter(tokens, next, position + 1);
    } else if (token.accepts(character)) enter(tokens, next, token.kind === 'many' ? state : state + 1);
  }
  return next;
}

/** Adds a state and those that are reached from it without a character. */
function enter(tokens: readonly Token[], states: Set<number>, from: number): void {
  for (let state = from; !states.has(state); state++) {
    states.add(state);
    const token = tokens[state];
    if (token === undefined || token.kind === 'one') return;
  }
}
