/** The middle value, milliseconds or bytes alike; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [below, above] = [sorted[middle - 1], sorted[middle]];
  if (above === undefined) throw new Error('the median of nothing');
  return sorted.length % 2 === 0 && below !== undefined ? (below + above) / 2 : above;
}

/** Runs `work` `rounds` times after one warm-up; milliseconds of each, or what the work itself measured. */
export async function timed(rounds: number, work: () => Promise<number | void>): Promise<number[]> {
  const times: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const start = performance.now();
    const measured = await work();
    if (round >= 0) times.push(measured ?? performance.now() - start);
  }
  return times;
}
