import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContainerStore } from './containers.ts';
import { Database } from './database.ts';
import { VolumeStore } from './volumes.ts';

const dir = mkdtempSync(join(tmpdir(), 'caisson-store-'));
afterAll(() => rmSync(dir, { recursive: true }));
let files = 0;
const fresh = () => join(dir, `${files++}.db`);

test('containers are put, replaced, renamed and deleted', () => {
  const db = new Database(fresh());
  const store = new ContainerStore(db);
  store.put('a', 'one', '{"x":1}');
  store.put('a', 'one', '{"x":2}');
  store.put('b', 'two', '{}');
  store.rename('b', 'three');
  expect(store.all().map((row) => ({ ...row }))).toEqual([
    { id: 'a', name: 'one', record: '{"x":2}' },
    { id: 'b', name: 'three', record: '{}' },
  ]);
  store.delete('a');
  store.delete('a');
  expect(store.all().length).toBe(1);
  db.close();
});

test('a name that is taken is a conflict in Docker’s words, and changes nothing', () => {
  const db = new Database(fresh());
  const store = new ContainerStore(db);
  store.put('a', 'one', '{}');
  store.put('b', 'two', '{}');
  const text =
    'Conflict. The container name "/one" is already in use by container "a". You have to remove (or rename) that container to be able to reuse that name.';
  expect(() => store.put('c', 'one', '{}')).toThrow(text);
  expect(() => store.rename('b', 'one')).toThrow(text);
  expect(
    store
      .all()
      .map((row) => row.name)
      .sort(),
  ).toEqual(['one', 'two']);
  db.close();
});

test('what was committed is there after reopening, even without a close', () => {
  const path = fresh();
  const db = new Database(path);
  new ContainerStore(db).put('a', 'one', '{}');
  new VolumeStore(db).put('v', '{"d":1}');
  const again = new Database(path);
  expect(new ContainerStore(again).all().length).toBe(1);
  expect(new VolumeStore(again).get('v')?.record).toBe('{"d":1}');
  expect(new VolumeStore(again).get('w')).toBeUndefined();
  again.close();
  db.close();
});

test('a transaction that throws leaves nothing, and a nested one joins', () => {
  const db = new Database(fresh());
  const store = new ContainerStore(db);
  expect(() =>
    db.transaction(() => {
      store.put('a', 'one', '{}');
      db.transaction(() => store.put('b', 'two', '{}'));
      throw new Error('stop');
    }),
  ).toThrow('stop');
  expect(store.all()).toEqual([]);
  expect(db.transaction(() => 7)).toBe(7);
  db.close();
});

test('a database of a newer version is refused', () => {
  const path = fresh();
  const db = new Database(path);
  db.run('PRAGMA user_version=999');
  db.close();
  expect(() => new Database(path)).toThrow('newer version');
});
