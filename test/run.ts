/**
 * Runs the tests of the tiers named as arguments (`unit`, `integration`; both without any), each file in a process of its own so
 * that a crash takes nothing else with it, and ends with one line: `N passed, N failed, N skipped`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { caissonCommand } from './support/engine.ts';
import { bun, checkout } from './support/paths.ts';
import { FILE_PATIENCE } from './support/patience.ts';
import { engineUnderTest } from './support/requirements.ts';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** What is started as one process. */
interface Batch {
  readonly title: string;
  readonly paths: readonly string[];
}

function integrationFiles(): string[] {
  const folder = path.join(checkout, 'test/integration');
  return readdirSync(folder).filter((name) => name.endsWith('.test.ts')).toSorted().map((name) => path.join(folder, name));
}

/** `only`: integration files whose name contains one of these; all when there is none. */
function batchesOf(tier: string, only: readonly string[]): Batch[] {
  if (tier === 'unit') return [{ title: 'unit', paths: ['src', 'lint'].map((folder) => path.join(checkout, folder)) }];
  if (tier !== 'integration') throw new Error(`There is no tier "${tier}"; the tiers are unit and integration.`);
  return integrationFiles()
    .filter((file) => only.length === 0 || only.some((part) => path.basename(file).includes(part)))
    .map((file) => ({ title: path.relative(checkout, file), paths: [file] }));
}

/** Counts of bun's JUnit report; undefined when the process ended before it could write one. */
function readReport(file: string): Counts | undefined {
  let xml: string;
  try {
    xml = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  const [, attributes = ''] = /<testsuites([^>]*)>/.exec(xml) ?? [];
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(attributes)?.[1] ?? 0);
  const [failed, skipped] = [count('failures'), count('skipped')];
  return { failed, skipped, passed: count('tests') - failed - skipped };
}

async function runBatch({ title, paths }: Batch, reports: string): Promise<Counts> {
  const report = path.join(reports, `${title.replaceAll('/', '-')}.xml`);
  // A busy machine is slow: a test that hangs is for the batch's own limit to find.
  const args = ['test', ...paths, '--timeout=60000', '--reporter=junit', `--reporter-outfile=${report}`];
  const child = spawn(bun, args, { cwd: checkout, stdio: ['ignore', 'pipe', 'pipe'], timeout: FILE_PATIENCE, killSignal: 'SIGKILL' });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  process.stdout.write(`\n${Buffer.concat(output)}`);
  const counts = readReport(report) ?? { passed: 0, failed: 0, skipped: 0 };
  if (code !== 0 && counts.failed === 0) {
    console.log(`${title}: ended with ${code ?? signal} although no test of it failed; that counts as one failure.`);
    counts.failed = 1;
  }
  return counts;
}

async function main(): Promise<void> {
  const only = process.argv.slice(2).filter((word) => word.startsWith('--only=')).map((word) => word.slice('--only='.length));
  const named = process.argv.slice(2).filter((word) => !word.startsWith('--'));
  const waiting = (named.length > 0 ? named : ['unit', 'integration']).flatMap((tier) => batchesOf(tier, only));
  // Built once, before tests that have a time limit need it.
  if (waiting.some(({ title }) => title !== 'unit') && engineUnderTest()?.name === 'caisson') execFileSync(caissonCommand()[0] as string, ['--version'], { stdio: 'inherit' });
  const reports = mkdtempSync(path.join(tmpdir(), 'caisson-reports-'));
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const worker = async (): Promise<void> => {
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      const counts = await runBatch(batch, reports);
      for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += counts[key];
    }
  };
  // Two files at a time; a dockerd under test has the machine for itself.
  const workers = process.env.CAISSON_TEST_ENGINE === undefined ? Math.min(2, availableParallelism()) : 1;
  await Promise.all(Array.from({ length: workers }, worker));
  rmSync(reports, { recursive: true });
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
}

await main();
