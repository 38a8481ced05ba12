/**
 * `caisson system check`: what is recorded beside what is there. Each part looks at a moment between two steps of everything else, and
 * knows what is being made and removed, so that a daemon that is busy and well has nothing to tell.
 */
import type { Finding } from '../../finding.ts';
import type { CheckedCache } from '../../images/service.ts';
import type { Digest } from '../../storage/driver.ts';
import type { EngineContext } from '../context.ts';
import type { CheckReport, CheckRequest, ReportedFinding } from '../engine.ts';
import { containerFindings } from './containers.ts';
import { mountFindings } from './mounts.ts';

export async function checkSystem(context: EngineContext, { repair, verify }: CheckRequest): Promise<CheckReport> {
  const { images, volumes } = context;
  const cache = checkedCache(context);
  const found = [
    ...databaseFindings(context), ...images.check(cache), ...(verify ? await images.verify(cache) : []),
    ...containerFindings(context), ...volumes.check(), ...mountFindings(context),
  ];
  const findings: ReportedFinding[] = [];
  for (const finding of found) findings.push(await reported(finding, repair));
  return {
    Checked: { Images: images.list().length, Layers: context.storage.layers().length, Containers: context.registry.all().length, Volumes: volumes.all().length },
    Findings: findings,
  };
}

async function reported(finding: Finding, repair: boolean): Promise<ReportedFinding> {
  const { kind, object, problem, reason, remedy } = finding;
  const shown = { Kind: kind, Object: object, Problem: problem, Reason: reason, Remedy: remedy, Repairable: finding.repair !== undefined, Repaired: false };
  if (!repair || finding.repair === undefined) return shown;
  try {
    await finding.repair();
    return { ...shown, Repaired: true };
  } catch (error) {
    return { ...shown, Error: error instanceof Error ? error.message : String(error) };
  }
}

function checkedCache({ registry, buildCache }: EngineContext): CheckedCache {
  const isOn = (top: string | null, isOnLayer: (topLayer: Digest) => boolean): boolean => top !== null && isOnLayer(top as Digest);
  return {
    usersOf: (isOnLayer) => registry.all().find(({ record }) => isOn(record.topLayer, isOnLayer))?.record.name,
    forget: (isOnLayer) => buildCache.delete(buildCache.all().filter(({ topLayer }) => isOn(topLayer, isOnLayer)).map(({ key }) => key)),
  };
}

function databaseFindings({ database }: EngineContext): Finding[] {
  return database.problems().map((problem) => ({
    kind: 'database', object: 'caisson.db', problem: `${problem}.`,
    reason: 'The file was changed by something else, or the disk has lost some of it.',
    remedy: 'Stop the daemon, and put a copy of caisson.db back, or begin with an empty data root: images can be pulled again, volumes are directories below volumes/.',
  }));
}
