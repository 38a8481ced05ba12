/** What a step would do, in a line. */
import type { Step } from '../frontend/step.ts';
import type { Session } from '../solver/session.ts';
import type { Solver } from '../solver/solver.ts';

const silent = { base: '', started: () => undefined, output: () => undefined, removed: () => undefined };

export async function explainStep(solver: Solver, session: Session, step: Step): Promise<string> {
  if (step.kind === 'config') return ' ---> changes the configuration\n';
  session.observe(step.tree, step.text, silent);
  const probe = await solver.probe(session, step.tree);
  if (probe.kind === 'known') return ` ---> cached since ${new Date(probe.createdAt).toISOString()}\n`;
  return ` ---> runs: ${probe.why}\n`;
}
