import { expect, test } from 'bun:test';
import { Template } from './template.ts';

const DATA = {
  ID: 'abc', Names: ['web', 'db'], State: { Running: true, Pid: 0, Health: null }, Labels: { b: '2', a: '1' }, Size: 12.5,
};

const run = (source: string, data: unknown = DATA) => new Template(source).execute(data);

test.each([
  ['{{.ID}}: {{.State.Running}}', 'abc: true'],
  ['{{json .Names}} {{json .Labels}}', '["web","db"] {"b":"2","a":"1"}'],
  ['{{.Names}} {{.Labels}} {{.State.Health}}', '[web db] map[a:1 b:2] <nil>'],
  ['{{range .Names}}<{{.}}>{{end}}', '<web><db>'],
  ['{{range $i, $name := .Names}}{{$i}}={{$name}} {{end}}', '0=web 1=db '],
  ['{{range $k, $v := .Labels}}{{$k}}{{$v}}{{end}}', 'a1b2'],
  ['{{range .State.Nothing}}x{{else}}none{{end}}', 'none'],
  ['{{if .State.Running}}up{{else}}down{{end}}', 'up'],
  ['{{if .State.Health}}x{{else if eq .ID "abc"}}y{{else}}z{{end}}', 'y'],
  ['{{with .State}}{{.Pid}}{{end}}', '0'],
  ['{{index .Labels "a"}}{{index .Names 1}}', '1db'],
  ['{{(index .Names 0) | upper}}', 'WEB'],
  ['{{join .Names ", " | printf "%-10s|"}}', 'web, db   |'],
  ['{{printf "%s %d %v %q" .ID 3 .State.Running "x"}}', 'abc 3 true "x"'],
  ['{{println .ID}}', 'abc\n'],
  ['{{len .Names}}{{len .ID}}', '23'],
  ['a {{- .ID -}} b', 'aabcb'],
  ['{{/* nothing */}}x', 'x'],
  ['{{$x := .ID}}{{$x}}{{$.Size}}', 'abc12.5'],
  ['{{and .ID .State.Running}} {{or .State.Health "none"}} {{not .ID}}', 'true none false'],
  ['{{.ID}}\\t{{.Size}}', 'abc\t12.5'],
  ['{{"}}"}}', '}}'],
  ['{{.State.Missing}}', '<no value>'],
  ['{{split "a-b" "-"}}{{title "word"}}{{truncate "word" 2}}', '[a b]Wordwo'],
])('%s', (source, expected) => {
  expect(run(source)).toBe(expected);
});

test('a field with an argument', () => {
  expect(run('{{.Label "a"}}', { Label: (name: string) => `<${name}>` })).toBe('<a>');
});

test.each([
  ['{{.Nope}}', "can't evaluate field Nope"], ['{{.ID', 'unclosed action'], ['{{nope .ID}}', 'function "nope" not defined'],
  ['{{if .ID}}', 'unexpected EOF'], ['{{end}}', 'unexpected {{end}}'], ['{{index .Names 7}}', 'out of range'], ['{{}}', 'missing value'],
  ['{{$nope}}', 'undefined variable'], ['{{toString .ID}}', 'not defined'],
])('%s is refused', (source, message) => {
  expect(() => run(source)).toThrow(message);
});
