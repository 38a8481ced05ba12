import { expect, test } from 'bun:test';
import { OrderedOutput } from './ordered-output.ts';

function collected(): { told: string[]; output: OrderedOutput<string> } {
  const told: string[] = [];
  return { told, output: new OrderedOutput((item) => void told.push(item)) };
}

test('channels are told one after the other, the first at once', () => {
  const { told, output } = collected();
  const [a, b, c] = [output.open(), output.open(), output.open()];
  void c.write('c1');
  void b.write('b1');
  void a.write('a1');
  expect(told).toEqual(['a1']);
  b.close();
  a.close();
  void c.write('c2');
  expect(told).toEqual(['a1', 'b1', 'c1', 'c2']);
});

test('when one fails, only it is told', () => {
  const { told, output } = collected();
  const [a, b] = [output.open(), output.open()];
  void a.write('a1');
  void b.write('b1');
  output.only(1);
  void a.write('a2');
  void b.write('b2');
  expect(told).toEqual(['a1', 'b1', 'b2']);
});

test('who says much before its turn waits for it', async () => {
  const { output } = collected();
  const [a, b] = [output.open(), output.open()];
  let behind: Promise<void> | undefined;
  for (let count = 0; count < 2000 && behind === undefined; count++) behind = b.write('x');
  expect(behind).toBeDefined();
  a.close();
  await behind;
});
