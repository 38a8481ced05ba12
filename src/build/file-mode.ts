/** `--chmod`: octal, or symbols as chmod(1) has them (`u=rwX,go=rX`, `a+x`). */

type Change = (mode: number, isDirectory: boolean) => number;

const bitsOfWho: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };

/** Undefined for what is no mode. */
export function parseFileMode(text: string): Change | undefined {
  if (/^[0-7]{1,4}$/.test(text)) return () => Number.parseInt(text, 8);
  const changes = text.split(',').map(parseClause);
  if (changes.some((change) => change === undefined)) return undefined;
  return (mode, isDirectory) => (changes as Change[]).reduce((result, change) => change(result, isDirectory), mode);
}

function parseClause(text: string): Change | undefined {
  const [, who = '', rest = ''] = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/.exec(text) ?? [];
  if (rest === '') return undefined;
  const affected = [...(who || 'a')].reduce((bits, each) => bits | bitsOfWho[each]!, 0);
  const actions = [...rest.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)].map(([, operator, permissions]) => ({ operator, permissions: permissions! }));
  return (mode, isDirectory) => actions.reduce((result, { operator, permissions }) => {
    const bits = bitsOf(permissions, result, isDirectory) & affected;
    if (operator === '+') return result | bits;
    if (operator === '-') return result & ~bits;
    // A directory keeps its set-ID bits unless they are named, as chmod(1) leaves them.
    return (result & ~(affected & (isDirectory ? 0o1777 : 0o7777))) | bits;
  }, mode);
}

function bitsOf(permissions: string, mode: number, isDirectory: boolean): number {
  const copied = { u: (mode >> 6) & 7, g: (mode >> 3) & 7, o: mode & 7 }[permissions];
  if (copied !== undefined) return copied * 0o111;
  let bits = 0;
  for (const each of permissions) {
    if (each === 'r') bits |= 0o444;
    else if (each === 'w') bits |= 0o222;
    else if (each === 'x' || (each === 'X' && (isDirectory || (mode & 0o111) !== 0))) bits |= 0o111;
    else if (each === 's') bits |= 0o6000;
    else if (each === 't') bits |= 0o1000;
  }
  return bits;
}
