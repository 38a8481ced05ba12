/** The volume part of the engine's interface. */
import { invalidParameter } from '../errors.ts';
import { isAnonymous, type Volume } from '../volumes/local-volumes.ts';
import type { EngineContext } from './context.ts';
import type { Filters, VolumeService } from './engine.ts';
import { matchesLabel } from './events.ts';

export function createVolumeService(context: EngineContext): VolumeService {
  const { volumes, events } = context;
  const users = (name: string) => context.registry.all().filter((container) => container.record.mounts.some((mount) => mount.Name === name));
  return {
    async list(filters) {
      return { Volumes: volumes.all().filter((volume) => matches(volume, filters, users(volume.Name).length > 0)), Warnings: null };
    },

    inspect: async (name) => volumes.get(name),

    async create(request) {
      if (request.Driver && request.Driver !== 'local') {
        throw invalidParameter(`error looking up volume plugin ${request.Driver}: plugin "${request.Driver}" not found`);
      }
      const volume = volumes.ensure({
        name: request.Name ?? '',
        ...(request.Labels ? { labels: request.Labels } : {}),
        ...(request.DriverOpts ? { options: request.DriverOpts } : {}),
      });
      events.publish('volume', 'create', volume.Name, { driver: 'local' });
      return volume;
    },

    async remove(name, force) {
      await volumes.remove(name, force, users(name).map((container) => container.id));
      events.publish('volume', 'destroy', name, { driver: 'local' });
    },

    async prune(filters) {
      const all = filters['all']?.some((value) => value === 'true' || value === '1') ?? false;
      const idle = volumes.all().filter((volume) => users(volume.Name).length === 0
        && (all || isAnonymous(volume)) && (filters['label'] ?? []).every((label) => matchesLabel(volume.Labels ?? {}, label)));
      const reclaimed = idle.reduce((sum, volume) => sum + context.directorySize(volume.Mountpoint), 0);
      for (const volume of idle) await volumes.remove(volume.Name, true, []);
      events.publish('volume', 'prune', '', { reclaimed: String(reclaimed) });
      return { VolumesDeleted: idle.map((volume) => volume.Name), SpaceReclaimed: reclaimed };
    },
  };
}

function matches(volume: Volume, filters: Filters, used: boolean): boolean {
  const names = filters['name'] ?? [];
  const dangling = filters['dangling']?.[0];
  return (names.length === 0 || names.some((name) => volume.Name.includes(name)))
    && (filters['label'] ?? []).every((label) => matchesLabel(volume.Labels ?? {}, label))
    && (filters['driver'] ?? ['local']).includes('local')
    && (dangling === undefined || used !== (dangling === 'true' || dangling === '1'));
}
