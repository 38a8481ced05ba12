/** The volume part of the engine's interface. */
import { isAnonymous, type Volume } from '../volumes/local-volumes.ts';
import type { EngineContext } from './context.ts';
import type { Filters, VolumeService } from './engine.ts';
import { matchesLabel } from './events.ts';
import { cloneVolume } from './volume-clone.ts';
import { booleanFilter } from './image-filters.ts';
import { matchesText } from './matches-text.ts';
import { labelsMatch } from './prune.ts';

export function createVolumeService(context: EngineContext): VolumeService {
  const { volumes, events } = context;
  const users = (name: string) => context.registry.all().filter((container) => container.record.mounts.some((mount) => mount.Name === name));
  return {
    async list(filters) {
      booleanFilter(filters, 'dangling', false); // refused even when there is no volume
      return { Volumes: volumes.all().filter((volume) => matches(volume, filters, users(volume.Name).length > 0)), Warnings: null };
    },

    inspect: async (name) => volumes.get(name),

    async create(request) {
      return volumes.ensure({
        name: request.Name ?? '',
        driver: request.Driver ?? '',
        ...(request.Labels ? { labels: request.Labels } : {}),
        ...(request.DriverOpts ? { options: request.DriverOpts } : {}),
      });
    },

    clone: (source, request) => cloneVolume(context, source, request),

    remove: (name, force) => volumes.remove(name, force, users(name).map((container) => container.id)),

    async prune(filters) {
      const all = filters['all']?.some((value) => value === 'true' || value === '1') ?? false;
      const idle = volumes.all().filter((volume) => users(volume.Name).length === 0
        && (all || isAnonymous(volume)) && labelsMatch(volume.Labels ?? {}, filters));
      const reclaimed = idle.reduce((sum, volume) => sum + context.directorySize(volume.Mountpoint), 0);
      for (const volume of idle) await volumes.remove(volume.Name, true, []);
      events.publish('volume', 'prune', '', { reclaimed: String(reclaimed) });
      return { VolumesDeleted: idle.map((volume) => volume.Name), SpaceReclaimed: reclaimed };
    },
  };
}

function matches(volume: Volume, filters: Filters, used: boolean): boolean {
  const names = filters['name'] ?? [];
  const dangling = filters['dangling'] && booleanFilter(filters, 'dangling', false);
  return (names.length === 0 || names.some((name) => matchesText(volume.Name, name)))
    && (filters['label'] ?? []).every((label) => matchesLabel(volume.Labels ?? {}, label))
    && (filters['driver'] ?? ['local']).includes('local')
    && (dangling === undefined || used !== dangling);
}
