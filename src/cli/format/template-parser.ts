/** The grammar of Go's text/template that Docker's `--format` strings use, as a tree. */

export type Expression =
  | { readonly kind: 'literal'; readonly value: unknown }
  /** `.A.B`, `$x.A`, `(pipeline).A`: a base and a path. `base` undefined is the dot. */
  | { readonly kind: 'path'; readonly base: string | Expression | undefined; readonly path: readonly string[] }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  /** `.Label "name"`: a field that takes arguments. */
  | { readonly kind: 'method'; readonly target: Expression; readonly args: readonly Expression[] };

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly value: Expression }
  | { readonly kind: 'assign'; readonly name: string; readonly value: Expression }
  | { readonly kind: 'if' | 'with'; readonly value: Expression; readonly body: readonly Node[]; readonly otherwise: readonly Node[] }
  | {
      readonly kind: 'range';
      readonly variables: readonly string[];
      readonly value: Expression;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** Parses a template; throws an Error whose message says what is wrong with it. */
export function parseTemplate(source: string): readonly Node[] {
  return new TemplateParser(source).parse();
}

type Piece = { readonly text: string } | { readonly action: string };

/** Cuts the source at `{{` and `}}`, applying the trim markers `{{- ` and ` -}}`. */
function pieces(source: string): Piece[] {
  const result: Piece[] = [];
  let position = 0;
  let trimNext = false;
  const addText = (text: string) => {
    if (text !== '') result.push({ text });
  };
  for (;;) {
    const open = source.indexOf('{{', position);
    let text = source.slice(position, open < 0 ? undefined : open);
    if (trimNext) text = text.trimStart();
    if (open < 0) {
      addText(text);
      return result;
    }
    const close = actionEnd(source, open + 2);
    let action = source.slice(open + 2, close);
    if (/^-\s/.test(action)) {
      action = action.slice(1);
      text = text.trimEnd();
    }
    trimNext = /\s-$/.test(action);
    if (trimNext) action = action.slice(0, -1);
    addText(text);
    if (!/^\s*\/\*/.test(action)) result.push({ action: action.trim() });
    position = close + 2;
  }
}

function actionEnd(source: string, from: number): number {
  let quote = '';
  for (let index = from; index < source.length; index++) {
    const letter = source[index] as string;
    if (quote !== '') {
      if (letter === '\\' && quote === '"') index++;
      else if (letter === quote) quote = '';
    } else if (letter === '"' || letter === '`') quote = letter;
    else if (letter === '}' && source[index + 1] === '}') return index;
  }
  throw new Error('unclosed action');
}

class TemplateParser {
  readonly #pieces: Piece[];
  #next = 0;

  constructor(source: string) {
    this.#pieces = pieces(source);
  }

  parse(): readonly Node[] {
    const { nodes, terminator } = this.#block();
    if (terminator !== '') throw new Error(`unexpected {{${terminator}}}`);
    return nodes;
  }

  /** Nodes up to `end`, `else …` or the end of the source. */
  #block(): { nodes: Node[]; terminator: string } {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#next++];
      if (piece === undefined) return { nodes, terminator: '' };
      if ('text' in piece) nodes.push({ kind: 'text', text: piece.text });
      else if (/^(end$|else\b)/.test(piece.action)) return { nodes, terminator: piece.action };
      else nodes.push(this.#action(piece.action));
    }
  }

  #action(action: string): Node {
    const keyword = /^(if|with|range)\s+(.*)$/s.exec(action);
    if (keyword !== null) return this.#control(keyword[1] as 'if' | 'with' | 'range', keyword[2] as string);
    const assign = /^(\$\w*)\s*:?=\s*(.*)$/s.exec(action);
    if (assign !== null) return { kind: 'assign', name: assign[1] as string, value: parsePipeline(assign[2] as string) };
    return { kind: 'print', value: parsePipeline(action) };
  }

  #control(kind: 'if' | 'with' | 'range', rest: string): Node {
    const variables = kind === 'range' ? /^((?:\$\w*\s*,\s*)?\$\w+)\s*:=\s*/.exec(rest) : null;
    const value = parsePipeline(variables === null ? rest : rest.slice(variables[0].length));
    const { body, otherwise } = this.#branches(kind);
    if (kind !== 'range') return { kind, value, body, otherwise };
    const names = variables === null ? [] : (variables[1] as string).split(',').map((name) => name.trim());
    return { kind, variables: names, value, body, otherwise };
  }

  #branches(kind: string): { body: Node[]; otherwise: Node[] } {
    const first = this.#block();
    if (first.terminator === 'end') return { body: first.nodes, otherwise: [] };
    if (first.terminator === '') throw new Error('unexpected EOF');
    const chained = /^else\s+(if|with)\s+(.*)$/s.exec(first.terminator);
    if (chained !== null) {
      return { body: first.nodes, otherwise: [this.#control(chained[1] as 'if' | 'with', chained[2] as string)] };
    }
    const second = this.#block();
    if (second.terminator !== 'end') throw new Error(`expected {{end}} of {{${kind}}}`);
    return { body: first.nodes, otherwise: second.nodes };
  }
}

const TOKEN = /\s*("(?:\\.|[^"\\])*"|`[^`]*`|[()|]|-?\d+(?:\.\d+)?|\$\w*(?:\.\w+)*|(?:\.\w+)+|\.|\w+)/y;

/** Parses `a | b c`: each stage gets the value before it as its last argument. */
export function parsePipeline(source: string): Expression {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (match === null) throw new Error(`unexpected ${JSON.stringify(source.slice(at).trim()[0])} in operand`);
    tokens.push(match[1] as string);
  }
  if (tokens.length === 0) throw new Error('missing value for command');
  const cursor = { tokens, next: 0 };
  const value = pipeline(cursor);
  if (cursor.next < tokens.length) throw new Error(`unexpected ${JSON.stringify(tokens[cursor.next])} in input`);
  return value;
}

interface Cursor {
  readonly tokens: readonly string[];
  next: number;
}

function pipeline(cursor: Cursor): Expression {
  let value = command(cursor, undefined);
  while (cursor.tokens[cursor.next] === '|') {
    cursor.next++;
    value = command(cursor, value);
  }
  return value;
}

function command(cursor: Cursor, piped: Expression | undefined): Expression {
  const first = cursor.tokens[cursor.next];
  if (first !== undefined && /^[A-Za-z_]\w*$/.test(first) && !/^(true|false|nil)$/.test(first)) {
    cursor.next++;
    const args: Expression[] = [];
    while (!atEnd(cursor)) args.push(operand(cursor));
    if (piped !== undefined) args.push(piped);
    return { kind: 'call', name: first, args };
  }
  const target = operand(cursor);
  const args: Expression[] = [];
  while (!atEnd(cursor)) args.push(operand(cursor));
  if (piped !== undefined) args.push(piped);
  if (args.length === 0) return target;
  if (target.kind !== 'path') throw new Error(`can't give argument to non-function ${first}`);
  return { kind: 'method', target, args };
}

function atEnd(cursor: Cursor): boolean {
  const token = cursor.tokens[cursor.next];
  return token === undefined || token === '|' || token === ')';
}

function operand(cursor: Cursor): Expression {
  const token = cursor.tokens[cursor.next++];
  if (token === undefined) throw new Error('missing value for command');
  if (token === '(') {
    const inner = pipeline(cursor);
    if (cursor.tokens[cursor.next++] !== ')') throw new Error('unclosed left paren');
    const field = cursor.tokens[cursor.next];
    if (field === undefined || !/^\.\w/.test(field)) return inner;
    cursor.next++;
    return { kind: 'path', base: inner, path: field.slice(1).split('.') };
  }
  if (token.startsWith('"')) return { kind: 'literal', value: JSON.parse(token) as unknown };
  if (token.startsWith('`')) return { kind: 'literal', value: token.slice(1, -1) };
  if (token === 'true' || token === 'false') return { kind: 'literal', value: token === 'true' };
  if (token === 'nil') return { kind: 'literal', value: null };
  if (/^-?\d/.test(token)) return { kind: 'literal', value: Number(token) };
  if (token === '.') return { kind: 'path', base: undefined, path: [] };
  if (token.startsWith('.')) return { kind: 'path', base: undefined, path: token.slice(1).split('.') };
  if (token.startsWith('$')) {
    const [base = '$', ...path] = token.split('.');
    return { kind: 'path', base, path };
  }
  if (/^\w+$/.test(token)) return { kind: 'call', name: token, args: [] };
  throw new Error(`unexpected ${JSON.stringify(token)} in operand`);
}
