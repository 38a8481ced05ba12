/** Exporters by the names that clients know them by. */
import { notImplemented } from '../../../errors.ts';
import { exportDocker, exportOci } from './archives.ts';
import type { Exporter } from './exporter.ts';
import { exportFiles, exportTar } from './files.ts';
import { exportImage } from './image.ts';

const exporters: ReadonlyMap<string, Exporter> = new Map([
  ['moby', exportImage], ['image', exportImage], ['local', exportFiles], ['tar', exportTar], ['oci', exportOci], ['docker', exportDocker],
]);

/** Throws not-implemented for one that is not there. */
export function exporterNamed(type: string): Exporter {
  const exporter = exporters.get(type);
  if (exporter === undefined) throw notImplemented(`exporter ${JSON.stringify(type)} could not be found`, { object: type });
  return exporter;
}
