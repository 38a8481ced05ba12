/**
 * Results of builds as clients hand them on: bake gives one target's to another as a context. A client takes a definition of BuildKit's
 * graph apart and puts it together again, without looking at what it names: here that is a result that we know.
 */
import { sha256 } from '../../storage/digest.ts';
import { field, int64, map, message, optional, repeated, string, type ValueOf } from './proto/codec.ts';
import type { definition } from './proto/ops.ts';

const scheme = 'caisson-result://';

/** pb.Op, as much of it as is said here. */
const op = message({
  inputs: repeated(1, message({ digest: field(1, string), index: field(2, int64) })),
  source: optional(3, message({ identifier: field(1, string), attrs: map(2, string) })),
});

type Definition = ValueOf<typeof definition>;

/** A source, and the operation at the end that says that it is the result. */
export function definitionOf(id: string): Definition {
  const source = op.encode({ source: { identifier: `${scheme}${id}` } });
  const end = op.encode({ inputs: [{ digest: sha256(source) }] });
  return { def: [source, end], metadata: new Map([source, end].map((bytes) => [sha256(bytes), {}])), source: {} };
}

/** The id in a definition that was made here; undefined for any other. */
export function resultIn({ def }: Definition): string | undefined {
  for (const bytes of def) {
    const identifier = op.decode(bytes).source?.identifier ?? '';
    if (identifier.startsWith(scheme)) return identifier.slice(scheme.length);
  }
  return undefined;
}
