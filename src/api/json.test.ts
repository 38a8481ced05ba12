import { expect, test } from 'bun:test';
import { decodeJson } from './json.ts';
import { createRequest, execOptions, updateConfig } from './request-shapes.ts';

// The texts are those of dockerd 28 (syntax) and 20.10 (types, whose build of encoding/json is the usual one).
test.each([
  ['', 'invalid JSON: got EOF while reading request body'],
  ['  ', 'invalid JSON: got EOF while reading request body'],
  ['{', 'invalid JSON: unexpected EOF'],
  ['abc', "invalid JSON: invalid character 'a' looking for beginning of value"],
  ['{"Image":"x",}', "invalid JSON: invalid character '}' looking for beginning of object key string"],
  ['{invalid json', "invalid JSON: invalid character 'i' looking for beginning of object key string"],
  ['{"Image":"x" "y"}', `invalid JSON: invalid character '"' after object key:value pair`],
  ['{"Image" 1}', "invalid JSON: invalid character '1' after object key"],
  ['{"Image":tru3}', "invalid JSON: invalid character '3' in literal true (expecting 'e')"],
  ['{"Env":["a" "b"]}', `invalid JSON: invalid character '"' after array element`],
  ['{"Image":"a\nb"}', "invalid JSON: invalid character '\\n' in string literal"],
  ['{"Image":"\\x"}', "invalid JSON: invalid character 'x' in string escape code"],
  ['{"StopTimeout":1.}', "invalid JSON: invalid character '}' after decimal point in numeric literal"],
  ['{"Image":"x"} trailing', 'unexpected content after JSON'],
  ['[]', 'invalid JSON: json: cannot unmarshal array into Go value of type container.CreateRequest'],
  ['"x"', 'invalid JSON: json: cannot unmarshal string into Go value of type container.CreateRequest'],
  ['{"Image":3}', 'invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.Image of type string'],
  ['{"tty":"x"}', 'invalid JSON: json: cannot unmarshal string into Go struct field CreateRequest.Tty of type bool'],
  ['{"Cmd":{"a":1}}', 'invalid JSON: json: cannot unmarshal object into Go struct field CreateRequest.Cmd of type string'],
  ['{"Labels":{"a":1}}', 'invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.Labels of type string'],
  ['{"ExposedPorts":{"80/tcp":3}}', 'invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.ExposedPorts of type struct {}'],
  ['{"HostConfig":[]}', 'invalid JSON: json: cannot unmarshal array into Go struct field CreateRequest.HostConfig of type container.HostConfig'],
  ['{"HostConfig":{"Memory":"x"}}', 'invalid JSON: json: cannot unmarshal string into Go struct field HostConfig.HostConfig.Memory of type int64'],
  ['{"HostConfig":{"Memory":1.5}}', 'invalid JSON: json: cannot unmarshal number 1.5 into Go struct field HostConfig.HostConfig.Memory of type int64'],
  ['{"HostConfig":{"Mounts":[{"Type":1}]}}', 'invalid JSON: json: cannot unmarshal number into Go struct field Mount.HostConfig.Mounts.Type of type mount.Type'],
  ['{"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":3}]}}}', 'invalid JSON: json: cannot unmarshal number into Go struct field PortBinding.HostConfig.PortBindings.HostPort of type string'],
])('%j', (text, message) => {
  expect(() => decodeJson(text, createRequest)).toThrow(new RegExp(`^${RegExp.escape(message)}$`));
});

test('other bodies name their own types', () => {
  expect(() => decodeJson('{"Cmd":3}', execOptions)).toThrow('into Go struct field ExecOptions.Cmd of type []string');
  expect(() => decodeJson('{"Memory":"x"}', updateConfig)).toThrow('into Go struct field UpdateConfig.Memory of type int64');
});

test('nesting has an end', () => {
  expect(() => decodeJson(`{"x":${'['.repeat(200_000)}`, createRequest)).toThrow('exceeded max depth');
});

test('field names match whatever their case, null is welcome, unknown fields are ignored', () => {
  const decoded = decodeJson('{"image":"x","hostconfig":{"MEMORY":5},"Env":null,"Nonsense":{"a":[1]}}', createRequest);
  expect(decoded).toMatchObject({ Image: 'x', HostConfig: { Memory: 5 }, Env: null });
  expect(decodeJson('null', createRequest)).toBeNull();
});

test('a command may be one string', () => {
  expect(decodeJson('{"Cmd":"true","Entrypoint":["a"]}', createRequest)).not.toBeNull();
});

test('a key named __proto__ is data', () => {
  const decoded = decodeJson('{"Labels":{"__proto__":"x"},"__proto__":{"Tty":true}}', createRequest);
  expect('Tty' in (decoded ?? {})).toBe(false);
  expect(Object.keys(decoded?.Labels ?? {})).toEqual(['__proto__']);
});

test('unlimited reads as 2^63 and is let through', () => {
  expect(() => decodeJson('{"HostConfig":{"MemorySwap":9223372036854775807}}', createRequest)).not.toThrow();
  expect(() => decodeJson('{"HostConfig":{"Memory":1e30}}', createRequest)).toThrow('of type int64');
});
