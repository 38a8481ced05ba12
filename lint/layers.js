/**
 * The rule `caisson/layers`: imports go one way down. A layer that reaches up, or around its neighbour, makes the one below
 * impossible to test, replace or read on its own; so the order is checked, not remembered.
 */
import path from 'node:path';

/** From the top down. A folder may import what stands in a later group, and nothing in its own group but itself. */
const ORDER = [
  ['cli'],
  ['daemon.ts'],
  ['api'],
  ['engine'],
  ['build'],
  ['images'],
  ['storage', 'network', 'volumes'],
  ['store'],
  ['runtime'],
  ['linux'],
  ['assets.ts', 'errors.ts', 'finding.ts', 'sizes.ts', 'version.ts'],
];
const PICTURE = 'cli → (daemon.ts) → api → engine → {build → images → storage, network, volumes} → (store) → runtime → linux';

/** Below these lines nothing knows of the metadata database. */
const WITHOUT_STORE = new Set(['runtime', 'linux']);

/** The layer of a file: the folder, or file (its test counts as it), directly below src/. */
const layerOf = (file, root) => {
  const relative = path.relative(path.join(root, 'src'), file);
  return relative.startsWith('..') ? undefined : relative.split(path.sep)[0].replace(/\.test\.ts$/, '.ts');
};

const rankOf = (layer) => ORDER.findIndex((group) => group.includes(layer));

/** Why `from` may not import `to`, and what to do instead; undefined when it may. */
function objection(from, to) {
  if (from === to) return undefined;
  const [own, other] = [rankOf(from), rankOf(to)];
  if (own < 0 || other < 0) {
    const unknown = own < 0 ? from : to;
    return `src/${unknown} has no place in the order of layers (${PICTURE}). Move the file into a layer, or give the new folder its place in lint/layers.js.`;
  }
  if (to === 'store' && WITHOUT_STORE.has(from)) {
    return `src/${from} must work without the metadata database. Pass the values it needs as arguments from the layer above.`;
  }
  if (own < other) return undefined;
  const way = own === other ? 'stands beside' : 'stands above';
  return (
    `src/${to} ${way} src/${from}; imports go one way down: ${PICTURE}. ` +
    `A layer never knows who uses it. Take what you need as an argument or a callback, declare the interface in src/${from} ` +
    'and let the layer above implement it, or move the shared piece to a layer below both.'
  );
}

const layers = {
  meta: { type: 'problem', docs: { description: 'imports go one way down the layers' } },
  create(context) {
    const file = context.filename;
    const from = layerOf(file, context.cwd);
    if (from === undefined) return {};
    const check = (source) => {
      if (typeof source?.value !== 'string' || !source.value.startsWith('.')) return;
      const to = layerOf(path.resolve(path.dirname(file), source.value), context.cwd);
      const message =
        to === undefined
          ? 'What ships stands in src/. Tests and tools may import it, never the other way round.'
          : objection(from, to);
      if (message !== undefined) context.report({ node: source, message });
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
    };
  },
};

export default { meta: { name: 'caisson' }, rules: { layers } };
