/** What is measured: one file a figure in `figures/`, each the same way on every engine. */
import type { RunningEngine } from '../test/support/engine.ts';
import type { Unit } from './table.ts';

/** How often, how many: `--quick` takes fewer. */
export interface Effort {
  /** Of what takes milliseconds through the API. */
  readonly rounds: number;
  /** Of whole command lines. */
  readonly commands: number;
  /** Containers at once. */
  readonly burst: number;
  /** Containers whose memory is looked at. */
  readonly crowd: number;
  /** What large transfers are divided by. */
  readonly shrink: number;
}

/** An engine that runs, and the docker command to drive it with. */
export interface Contestant {
  /** `Caisson`, `dockerd 28.5.2`. */
  readonly name: string;
  readonly engine: RunningEngine;
  readonly docker: string;
}

export interface Row {
  readonly title: string;
  /** Of times and sizes less is better, of rates more. */
  readonly unit: Unit;
  /** How many times better than the best peer Caisson means to be; none where the row only explains another. */
  readonly goal?: number;
}

/** Samples of each row; a row that an engine cannot show is left out. */
export type Samples = Readonly<Record<string, readonly number[]>>;

export interface Figure {
  /** What `--only=` selects by. */
  readonly name: string;
  readonly rows: Readonly<Record<string, Row>>;
  measure(on: Contestant, effort: Effort): Promise<Samples>;
}
