/** Aligned columns, as Docker's tables are: each at least 10 wide, 3 spaces apart, the last one not padded. */

/** Lays out rows of cells; returns text ending in a newline, or '' for no rows. */
export function table(rows: readonly (readonly string[])[], least = 10, gap = 3): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? least, displayWidth(cell) + gap);
    }
  }
  const lines = rows.map((row) =>
    row.map((cell, index) => (index === row.length - 1 ? cell : cell + ' '.repeat((widths[index] as number) - displayWidth(cell)))).join(''),
  );
  return lines.map((line) => `${line}\n`).join('');
}

/** Characters, not UTF-16 units; the ellipsis of a shortened cell is one. */
function displayWidth(cell: string): number {
  return /^[\x20-\x7e]*$/.test(cell) ? cell.length : Array.from(cell).length;
}

/** Cuts to `most` characters, the last of them an ellipsis, as Docker does. */
export function ellipsis(text: string, most: number): string {
  const letters = Array.from(text);
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join('')}…`;
}

/** The first 12 hexadecimal digits of an id, whatever algorithm stands before them. */
export function shortId(id: string): string {
  const colon = id.indexOf(':');
  return id.slice(colon + 1, colon + 13);
}
