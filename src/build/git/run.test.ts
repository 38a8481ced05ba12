import { expect, test } from 'bun:test';
import { tmpdir } from 'node:os';
import { failureClassOf, failureOf } from '../../storage/testing.ts';
import { git } from './run.ts';

const never = new AbortController().signal;

test('a host without git is told of', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = '/nonexistent';
  try {
    const missing = git(tmpdir(), ['--version'], never);
    expect(await failureClassOf(missing)).toBe('not-implemented');
    expect(await failureOf(missing)).toContain('needs the program git, which is not on this host');
  } finally {
    process.env['PATH'] = path;
  }
});

test('protocols that lead to the host are refused', async () => {
  for (const remote of ['file:///etc', 'ext::sh -c id', '/etc']) {
    const said = await failureOf(git(tmpdir(), ['ls-remote', '--', remote], never));
    // Without git there is nothing to refuse.
    expect(said).toMatch(/transport '(file|ext)' not allowed|needs the program git/);
  }
});
