/** `--volume` in its raw form, `source:destination:options` (moby volume/mounts linux_parser.go). */
import { posix } from 'node:path';
import { invalidParameter } from '../../errors.ts';
import type { MountPoint } from '../docker-types.ts';
import { validateMount } from './mount-validation.ts';

/** A raw spec as a mount, and the mode text that inspect shows. */
export interface ParsedBind {
  readonly mount: MountPoint;
  readonly mode: string;
}

const invalidSpec = (raw: string): string => `invalid volume specification: '${raw}'`;
const propagationWords = new Set(['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared']);

/** At most one word of each kind. */
const modeKinds: readonly ReadonlySet<string>[] = [
  new Set(['ro', 'rw']),
  new Set(['z', 'Z']),
  propagationWords,
  new Set(['nocopy']),
  new Set(['consistent', 'cached', 'delegated']),
];

/** True when `mode` is a list of words, none of them twice or in contradiction. */
export function isValidBindMode(mode: string): boolean {
  if (mode === '') return true;
  const counts = modeKinds.map(() => 0);
  for (const word of mode.split(',')) {
    const kind = modeKinds.findIndex((words) => words.has(word));
    if (kind < 0) return false;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts.every((count) => count <= 1);
}

/** Parses and validates. Throws invalid-parameter in Docker's words. */
export function parseBind(raw: string, volumeDriver: string): ParsedBind {
  const parts = raw.split(':');
  const [first = '', second, mode = ''] = parts;
  if (parts.length > 3 || first === '') throw invalidParameter(invalidSpec(raw));
  // A mode without a source, as in `/foo:rw`, means nothing.
  if (parts.length === 2 && second !== undefined && isValidBindMode(second)) throw invalidParameter(invalidSpec(raw));
  if (!isValidBindMode(mode)) throw invalidParameter(`invalid mode: ${mode}`);
  const source = second === undefined ? '' : first;
  const words = mode.split(',');
  const isBind = posix.isAbsolute(source);
  const propagation = words.find((word) => propagationWords.has(word));
  const mount: MountPoint = {
    Type: isBind ? 'bind' : 'volume',
    Source: source,
    Target: second ?? first,
    ReadOnly: words.includes('ro'),
    ...(propagation === undefined ? {} : { BindOptions: { Propagation: propagation } }),
    ...(!isBind && (words.includes('nocopy') || volumeDriver !== '')
      ? {
          VolumeOptions: {
            NoCopy: words.includes('nocopy'),
            ...(volumeDriver === '' ? {} : { DriverConfig: { Name: volumeDriver } }),
          },
        }
      : {}),
  };
  validateMount(mount, (why) => invalidParameter(`${invalidSpec(raw)}: ${why}`));
  return { mount, mode };
}
