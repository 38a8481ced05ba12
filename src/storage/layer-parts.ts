/** The parts of a layer's directory. */
export const layerParts = (directory: string) => ({
  /** The layer's own files. */
  diff: `${directory}/diff`,
  /** With `diff`, gives the layer's archive back (tar-record.ts). */
  record: `${directory}/tar-record`,
  /** Files that the archive has, and a later entry of it replaced. */
  replaced: `${directory}/replaced`,
});
