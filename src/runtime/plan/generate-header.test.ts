import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { planHeader, protocolHeader } from './generate-header.ts';

const native = join(import.meta.dirname, '../../../native');

test.each([['plan_operations.h', planHeader], ['protocol.h', protocolHeader]])('native/%s is what the definitions say', (file, text) => {
  expect(readFileSync(join(native, file), 'utf8')).toBe(text());
});
