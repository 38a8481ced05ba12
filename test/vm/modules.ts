/** Which modules of a kernel to load, in which order: its package brings no list, `depmod` makes that where it is installed. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const nameOf = (file: string): string => path.basename(file, '.ko').replaceAll('-', '_');

/** `depends=a,b` in a module's section .modinfo. */
function dependencies(file: string): string[] {
  const [, names = ''] = /\0depends=([^\0]*)\0/.exec(readFileSync(file, 'latin1')) ?? [];
  return names.split(',').filter((name) => name !== '');
}

/** Files of the modules `names` below `directory`, each after those that it needs. Throws for one that the kernel does not have. */
export function inLoadOrder(directory: string, names: readonly string[]): string[] {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ko'));
  const byName = new Map(files.map((file) => [nameOf(file), path.join(directory, file)]));
  const order = new Set<string>();
  const visit = (name: string): void => {
    const file = byName.get(name);
    if (file === undefined) throw new Error(`the kernel has no module ${name}`);
    if (order.has(file)) return;
    for (const needed of dependencies(file)) visit(needed);
    order.add(file);
  };
  for (const name of names) visit(name);
  return [...order];
}
