/** Executes Go templates over JSON values: the part of text/template and of Docker's functions that `--format` strings use. */
import { type Expression, type Node, parseTemplate } from './template-parser.ts';

/** A field that is not there; prints as Go prints it. */
const NO_VALUE = Symbol('no value');

/** A compiled template. `execute` throws an Error that names the field, when the data has no such field at its top. */
export class Template {
  readonly #nodes: readonly Node[];

  /** Throws `template parsing error: …`. Docker lets shells pass `\t` and `\n` literally. */
  constructor(source: string) {
    try {
      this.#nodes = parseTemplate(source.replaceAll('\\t', '\t').replaceAll('\\n', '\n'));
    } catch (error) {
      throw new Error(`template parsing error: template: :1: ${(error as Error).message}`, { cause: error });
    }
  }

  execute(data: unknown): string {
    const run = new Execution(data);
    run.nodes(this.#nodes, data);
    return run.output;
  }
}

class Execution {
  output = '';
  readonly #root: unknown;
  readonly #variables = new Map<string, unknown>();

  constructor(root: unknown) {
    this.#root = root;
    this.#variables.set('$', root);
  }

  nodes(nodes: readonly Node[], dot: unknown): void {
    for (const node of nodes) this.#node(node, dot);
  }

  #node(node: Node, dot: unknown): void {
    switch (node.kind) {
      case 'text':
        this.output += node.text;
        return;
      case 'print':
        this.output += show(this.#value(node.value, dot, true));
        return;
      case 'assign':
        this.#variables.set(node.name, this.#value(node.value, dot, true));
        return;
      case 'if':
      case 'with': {
        const value = this.#value(node.value, dot, false);
        if (truthy(value)) this.nodes(node.body, node.kind === 'with' ? value : dot);
        else this.nodes(node.otherwise, dot);
        return;
      }
      case 'range':
        this.#range(node, dot);
    }
  }

  #range(node: Node & { kind: 'range' }, dot: unknown): void {
    const entries = entriesOf(this.#value(node.value, dot, false));
    if (entries.length === 0) this.nodes(node.otherwise, dot);
    for (const [key, value] of entries) {
      const names = node.variables;
      if (names.length === 1) this.#variables.set(names[0] as string, value);
      if (names.length === 2) {
        this.#variables.set(names[0] as string, key);
        this.#variables.set(names[1] as string, value);
      }
      this.nodes(node.body, value);
    }
  }

  /** `strict`: a field missing at the top of the data is an error, as it is a misspelling; below, it may be left out. */
  #value(expression: Expression, dot: unknown, strict: boolean): unknown {
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'path': {
        const base = this.#base(expression.base, dot, strict);
        return walk(base, expression.path, strict && base === this.#root);
      }
      case 'method': {
        const target = this.#value(expression.target, dot, strict);
        if (typeof target !== 'function') throw new Error('template: :1: a field has arguments but is no function');
        return (target as TemplateFunction)(...expression.args.map((argument) => this.#value(argument, dot, strict)));
      }
      case 'call':
        return call(expression.name, expression.args.map((argument) => this.#value(argument, dot, strict)));
    }
  }

  #base(base: string | Expression | undefined, dot: unknown, strict: boolean): unknown {
    if (base === undefined) return dot;
    if (typeof base !== 'string') return this.#value(base, dot, strict);
    if (!this.#variables.has(base)) throw new Error(`template parsing error: template: :1: undefined variable "${base}"`);
    return this.#variables.get(base);
  }
}

function walk(base: unknown, path: readonly string[], strict: boolean): unknown {
  let value = base;
  for (const [index, name] of path.entries()) {
    if (typeof value !== 'object' || value === null) return NO_VALUE;
    const next = (value as Record<string, unknown>)[name];
    if (next === undefined) {
      if (!strict || index > 0) return NO_VALUE;
      throw new Error(`template: :1: executing "" at <.${path.join('.')}>: can't evaluate field ${name}`);
    }
    value = next;
  }
  return value;
}

function entriesOf(value: unknown): [unknown, unknown][] {
  if (Array.isArray(value)) return value.map((item, index) => [index, item]);
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  }
  return [];
}

/** Go's truth: not false, 0, nil, or empty. */
function truthy(value: unknown): boolean {
  if (value === NO_VALUE || value === null || value === undefined) return false;
  if (typeof value === 'object') return Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0;
  return Boolean(value);
}

/** Go's `%v`. */
export function show(value: unknown): string {
  if (value === NO_VALUE || value === undefined) return '<no value>';
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (typeof value === 'object') return `map[${entriesOf(value).map(([key, item]) => `${String(key)}:${show(item)}`).join(' ')}]`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function plain(value: unknown): unknown {
  return value === NO_VALUE ? null : value;
}

const text = (value: unknown) => (value === NO_VALUE || value === null ? '' : show(value));

function compare(left: unknown, right: unknown): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  const [a, b] = [show(left), show(right)];
  return a === b ? 0 : a < b ? -1 : 1;
}

function lookup(container: unknown, key: unknown): unknown {
  if (typeof container === 'string') return container.charCodeAt(Number(key));
  if (Array.isArray(container) && (typeof key !== 'number' || key < 0 || key >= container.length)) {
    throw new Error(`template: :1: error calling index: index out of range: ${show(key)}`);
  }
  if (typeof container !== 'object' || container === null) {
    throw new Error('template: :1: error calling index: index of untyped nil');
  }
  return (container as Record<string, unknown>)[String(key)] ?? '';
}

function length(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return entriesOf(value).length;
}

function formatted(format: string, values: readonly unknown[]): string {
  let next = 0;
  return format.replace(/%(-?\d*)(?:\.(\d+))?([vsdqtf%])/g, (_, width: string, precision: string | undefined, verb: string) => {
    if (verb === '%') return '%';
    const value = values[next++];
    let shown = verb === 'q' ? JSON.stringify(text(value)) : show(value);
    if (verb === 'f') shown = Number(value).toFixed(precision === undefined ? 6 : Number(precision));
    if (verb === 's' && precision !== undefined) shown = shown.slice(0, Number(precision));
    const columns = Math.abs(Number(width));
    return width.startsWith('-') ? shown.padEnd(columns) : shown.padStart(columns);
  });
}

type TemplateFunction = (...args: unknown[]) => unknown;

const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  json: (value) => JSON.stringify(plain(value)),
  index: (container, ...keys) => keys.reduce(lookup, container),
  len: length,
  join: (list, separator) => (Array.isArray(list) ? list.map(show).join(text(separator)) : text(list)),
  split: (value, separator) => text(value).split(text(separator)),
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  title: (value) => text(value).replace(/\b[a-z]/g, (letter) => letter.toUpperCase()),
  truncate: (value, count) => text(value).slice(0, Number(count)),
  pad: (value, before, after) => ' '.repeat(Number(before)) + text(value) + ' '.repeat(Number(after)),
  print: (...values) => values.map(show).join(''),
  println: (...values) => `${values.map(show).join(' ')}\n`,
  printf: (format, ...values) => formatted(text(format), values),
  eq: (value, ...others) => others.some((other) => compare(value, other) === 0),
  ne: (left, right) => compare(left, right) !== 0,
  lt: (left, right) => compare(left, right) < 0,
  le: (left, right) => compare(left, right) <= 0,
  gt: (left, right) => compare(left, right) > 0,
  ge: (left, right) => compare(left, right) >= 0,
  not: (value) => !truthy(value),
  and: (...values) => values.find((value) => !truthy(value)) ?? values.at(-1),
  or: (...values) => values.find(truthy) ?? values.at(-1),
};

function call(name: string, args: unknown[]): unknown {
  const implementation = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (implementation === undefined) throw new Error(`template parsing error: template: :1: function "${name}" not defined`);
  return implementation(...args);
}
