/** Container names: what is a valid one, and the ones made up for containers without. */
import { randomInt } from 'node:crypto';
import { invalidParameter } from '../errors.ts';

const adjectives = (
  'able agile amber brave bright brisk calm candid clear clever cosmic crisp curious daring deft eager early earnest easy fair '
  + 'fearless festive fine fond frank free gentle gifted glad golden grand happy hardy honest humble ideal jolly keen kind lively '
  + 'loyal lucid lucky merry mighty modest neat nimble noble patient placid plucky polite proud quick quiet rapid ready serene '
  + 'sharp silent sincere smart snug solid steady stoic sunny swift tender tidy true upbeat vivid warm wise witty zealous'
).split(' ');

/** Divers, engineers and scientists of the sea and of computing. */
const surnames = (
  'abel agassiz allen backus bardeen bascom beebe bell bond brunel carson church cook cousteau curie darwin dijkstra drebbel eads '
  + 'earle einstein engelbart euler faraday fleming franklin fuller gagnan galileo gauss goddard hamilton hass hawking hopper hypatia '
  + 'johnson kepler kernighan kilby knuth lamarr lamport lovelace mayol mendel morse naur newton nobel noether pasteur payne perlman '
  + 'piccard ritchie roebling sammet shannon siebe sverdrup tesla tharp thompson triger turing walsh watt wiles wilkes wright'
).split(' ');

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** A name nobody has yet. */
export function generateName(taken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const name = `${adjectives[randomInt(adjectives.length)]}_${surnames[randomInt(surnames.length)]}`;
    const candidate = attempt < 6 ? name : `${name}${randomInt(10 ** Math.min(attempt - 5, 9))}`;
    if (!taken(candidate)) return candidate;
  }
}

/** The name without its leading slash. Throws Docker's text for one that is not valid. */
export function checkName(name: string): string {
  const bare = name.startsWith('/') ? name.slice(1) : name;
  if (!namePattern.test(bare)) {
    throw invalidParameter(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  return bare;
}
