import { expect, test } from 'bun:test';
import { quotedRune } from './history-text.ts';

// Printed by Go's fmt.Printf("%q", n).
const printed: [number, string][] = [
  [0, "'\\x00'"], [3, "'\\x03'"], [7, "'\\a'"], [10, "'\\n'"], [13, "'\\r'"], [27, "'\\x1b'"], [32, "' '"], [39, "'\\''"], [92, "'\\\\'"], [100, "'d'"],
  [127, "'\\x7f'"], [128, "'\\u0080'"], [160, "'\\u00a0'"], [233, "'é'"], [0xd800, "'\ufffd'"], [0x1f600, "'😀'"], [0x10ffff, "'\\U0010ffff'"], [2_000_000, "'\ufffd'"],
];

test.each(printed)('%d is %s', (code, text) => {
  expect(quotedRune(code)).toBe(text);
});
