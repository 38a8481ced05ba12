import { afterAll, beforeAll, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const checkout = path.resolve(import.meta.dirname, '..');
const project = mkdtempSync(path.join(tmpdir(), 'caisson-layers-'));

beforeAll(() => {
  mkdirSync(path.join(project, 'lint'));
  cpSync(path.join(import.meta.dirname, 'layers.js'), path.join(project, 'lint/layers.js'));
  writeFileSync(path.join(project, '.oxlintrc.json'), JSON.stringify({ jsPlugins: ['./lint/layers.js'], rules: { 'caisson/layers': 'error' } }));
});
afterAll(() => rmSync(project, { recursive: true }));

/** What the linter says of a file with one import. */
function lint(file: string, imported: string): string {
  const target = path.join(project, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, `export { x } from '${imported}';\n`);
  const result = spawnSync(path.join(checkout, 'node_modules/.bin/oxlint'), ['-f', 'unix', file], { cwd: project, encoding: 'utf8' });
  rmSync(target);
  return result.stdout;
}

test('imports down the layers are fine', () => {
  expect(lint('src/engine/start.ts', '../runtime/compile.ts')).not.toContain('layers');
  expect(lint('src/runtime/compile/mounts.ts', '../../linux/mount-flags.ts')).not.toContain('layers');
  expect(lint('src/images/pull.ts', '../storage/driver.ts')).not.toContain('layers');
  expect(lint('src/engine/start.ts', './stop.ts')).not.toContain('layers');
  expect(lint('test/support/x.ts', '../../src/errors.ts')).not.toContain('layers');
});

test('imports up are refused, with what to do instead', () => {
  const message = lint('src/linux/netlink.ts', '../engine/engine.ts');
  expect(message).toContain('src/engine stands above src/linux');
  expect(message).toContain('Take what you need as an argument');
});

test('folders side by side do not know each other', () => {
  expect(lint('src/network/a.ts', '../volumes/b.ts')).toContain('src/volumes stands beside src/network');
});

test('the runtime works without the database', () => {
  expect(lint('src/runtime/a.ts', '../store/database.ts')).toContain('must work without the metadata database');
});

test('what ships does not import tests', () => {
  expect(lint('src/runtime/a.ts', '../../test/support/http.ts')).toContain('What ships stands in src/');
});

test('a new folder must be given its place', () => {
  expect(lint('src/misc/a.ts', '../errors.ts')).toContain('src/misc has no place in the order of layers');
});
