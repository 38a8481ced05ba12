import { expect, test } from 'bun:test';
import { ThreadPool } from './thread-pool.ts';

class Recorded {
  ended = false;

  end(): void {
    this.ended = true;
  }
}

test('there are two; the third who asks waits for the first that is free', async () => {
  const pool = new ThreadPool(() => new Recorded());
  const [first, second] = [pool.take()!, await pool.acquire()];
  expect(second).not.toBe(first);
  expect(pool.take()).toBeUndefined();
  const waiting = [pool.acquire(), pool.acquire()];
  pool.release(second, true);
  pool.release(first, true);
  expect(await Promise.all(waiting)).toEqual([second, first]);
});

test('one that is lost is replaced, for who waits and for who comes', async () => {
  const pool = new ThreadPool(() => new Recorded());
  const [first, second] = [pool.take()!, pool.take()!];
  const waiting = pool.acquire();
  pool.release(first, false);
  expect([first, second]).not.toContain(await waiting);
  pool.release(second, false);
  expect([first, second]).not.toContain(pool.take()!);
});

test('one that cannot be made takes nobody\'s place', async () => {
  let able = false;
  const pool = new ThreadPool(() => {
    if (!able) throw new Error('no thread');
    return new Recorded();
  });
  for (let time = 0; time < 3; time++) expect(() => pool.take()).toThrow('no thread');
  able = true;
  const [first, second] = [pool.take()!, pool.take()!];
  const waiting = pool.acquire();
  able = false;
  pool.release(first, false);
  expect(await waiting.catch((error: Error) => error.message)).toBe('no thread');
  able = true;
  expect(pool.take()).toBeInstanceOf(Recorded);
  expect(second.ended).toBe(false);
});

test('those that nobody needs end', async () => {
  const pool = new ThreadPool(() => new Recorded());
  const thread = pool.take()!;
  pool.release(thread, true);
  while (!thread.ended) await Bun.sleep(10);
  expect(pool.take()).not.toBe(thread);
});
