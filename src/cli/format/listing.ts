/** A list of things shown as Docker shows lists: a table by default, `--quiet` ids, JSON lines, or a template per line. */
import { print } from '../io/output.ts';
import { table } from './table.ts';

export interface Column<Item> {
  readonly header: string;
  readonly value: (item: Item) => string;
}

export interface Listing<Item> {
  /** Every field a template may name. */
  readonly columns: Readonly<Record<string, Column<Item>>>;
  /** Fields that take an argument, for templates only: `.Label "name"`. */
  readonly methods?: Readonly<Record<string, (item: Item, argument: string) => string>>;
  /** The fields of the default table, in order. */
  readonly table: readonly string[];
}

export interface ListingOptions {
  /** The value of `--format`: empty, `table`, `json`, `table TEMPLATE` or a template. */
  readonly format: string;
  /** Set by `--quiet`: print this field alone. */
  readonly quiet?: string | undefined;
}

/** Prints the list. Throws what the template throws. */
export async function printListing<Item>(
  listing: Listing<Item>,
  items: readonly Item[],
  { format, quiet }: ListingOptions,
): Promise<void> {
  const { columns } = listing;
  if (quiet !== undefined && (format === '' || format === 'table')) {
    print(items.map((item) => `${(columns[quiet] as Column<Item>).value(item)}\n`).join(''));
  } else if (format === '' || format === 'table') {
    const chosen = listing.table.map((name) => columns[name] as Column<Item>);
    print(table([chosen.map((column) => column.header), ...items.map((item) => chosen.map((column) => column.value(item)))]));
  } else if (format === 'json') {
    print(items.map((item) => `${JSON.stringify(rowOf(listing, item))}\n`).join(''));
  } else {
    await printTemplate(listing, items, format);
  }
}

async function printTemplate<Item>(listing: Listing<Item>, items: readonly Item[], format: string): Promise<void> {
  const { Template } = await import('./template.ts');
  const tabular = format.startsWith('table ');
  const template = new Template(tabular ? format.slice(6).trim() : format);
  if (!tabular) {
    print(items.map((item) => `${template.execute(templateRow(listing, item))}\n`).join(''));
    return;
  }
  const headers: Record<string, string> = {};
  for (const [name, column] of Object.entries(listing.columns)) headers[name] = column.header;
  for (const name of Object.keys(listing.methods ?? {})) methodField(headers, name, (argument) => argument);
  const lines = [template.execute(headers), ...items.map((item) => template.execute(templateRow(listing, item)))];
  print(table(lines.map((line) => line.split('\t'))));
}

/** All fields of one item, in alphabetical order: what `{{json .}}` prints. */
function rowOf<Item>(listing: Listing<Item>, item: Item): Record<string, string> {
  const row: Record<string, string> = {};
  for (const name of Object.keys(listing.columns).sort()) row[name] = (listing.columns[name] as Column<Item>).value(item);
  return row;
}

/** The same row with the fields that take arguments, which JSON does not show. */
function templateRow<Item>(listing: Listing<Item>, item: Item): Record<string, string> {
  const row = rowOf(listing, item);
  for (const [name, method] of Object.entries(listing.methods ?? {})) methodField(row, name, (argument) => method(item, argument));
  return row;
}

function methodField(row: object, name: string, value: (argument: string) => string): void {
  Object.defineProperty(row, name, { value, enumerable: false });
}
