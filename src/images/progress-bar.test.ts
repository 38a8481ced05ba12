import { expect, test } from 'bun:test';
import { progressBar } from './progress-bar.ts';

test('bars are those of Docker', () => {
  expect(progressBar(2560, 2560)).toBe('[==================================================>]   2.56kB/2.56kB');
  expect(progressBar(0, 1)).toBe('[>                                                  ]       0B/1B');
  expect(progressBar(524288, 1346048)).toBe('[===================>                               ]  524.3kB/1.346MB');
  expect(progressBar(3, 2)).toBe('[==================================================>]       3B');
});
