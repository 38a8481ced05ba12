/**
 * `npm run bench`: Caisson and Docker Engine in turn on the same work, on this machine, in one run. Absolute times say more
 * about the machine than about the engine; the ratios are what counts.
 *
 * `--quick` measures less often, `--only=NAME` one figure, `--peers-only` leaves Caisson out.
 */
import { endContest, startContest } from './contest.ts';
import type { Contestant, Effort, Figure } from './figure.ts';
import { figures } from './figures/index.ts';
import { measureFloor } from './floor.ts';
import { startByPhase } from './phases.ts';
import { median } from './statistics.ts';
import { compare, format, table } from './table.ts';

const thorough: Effort = { rounds: 20, commands: 10, burst: 50, crowd: 20, shrink: 1 };
const quick: Effort = { rounds: 8, commands: 4, burst: 10, crowd: 5, shrink: 8 };

type Medians = Readonly<Record<string, number>>;

/** Each engine in turn, `passes` times over: a machine that slows down meanwhile slows all of them down. */
async function measure(figure: Figure, contestants: readonly Contestant[], effort: Effort, passes: number): Promise<Medians[]> {
  const samples = contestants.map((): Record<string, number[]> => ({}));
  for (let pass = 0; pass < passes; pass++) {
    for (const [index, contestant] of contestants.entries()) {
      const measured = await figure.measure(contestant, effort);
      for (const [row, values] of Object.entries(measured)) (samples[index]![row] ??= []).push(...values);
    }
  }
  return samples.map((rows) => Object.fromEntries(Object.entries(rows).map(([row, values]) => [row, median(values)])));
}

function rowsOf(figure: Figure, medians: readonly Medians[]): string[][] {
  return Object.entries(figure.rows).map(([key, { title, unit, goal }]) => {
    const values = medians.map((each) => each[key]);
    const ratio = compare(values, unit);
    return [
      title, ...values.map((value) => (value === undefined ? '' : format(value, unit))),
      ratio === undefined ? '' : `${ratio.toFixed(1)} ×`, goal === undefined ? '' : `${goal} ×`,
    ];
  });
}

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  const [only = ''] = words.filter((word) => word.startsWith('--only=')).map((word) => word.slice('--only='.length));
  const isQuick = words.includes('--quick');
  const effort = isQuick ? quick : thorough;
  const contestants = await startContest({ peersOnly: words.includes('--peers-only') });
  try {
    const rows: string[][] = [];
    for (const figure of figures.filter(({ name }) => name.includes(only))) {
      console.log(`Measuring ${figure.name} …`);
      rows.push(...rowsOf(figure, await measure(figure, contestants, effort, isQuick ? 1 : 2)));
    }
    console.log(`\n${table([['figure (median)', ...contestants.map(({ name }) => name), 'against the best peer', 'goal'], ...rows])}`);
  } finally {
    await endContest(contestants);
  }
  if (only !== '' && only !== 'lifecycle') return;
  console.log(`\nOne start of ours by phase (median):\n${table(await startByPhase(effort.rounds * 2))}`);
  console.log(`\nThe kernel's floor for one isolated container (bench/floor.c): ${format(median(measureFloor(effort.rounds * 2)), 'ms')}`);
}

await main();
