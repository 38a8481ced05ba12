/** What all kinds of roots have in common. */
import type { RootDescription } from './driver.ts';

/** Where what a container writes goes. */
export const writableDirectory = (root: RootDescription): string => (root.kind === 'overlay' ? root.upperDir : root.path);

/** The directories that show the root together, topmost first, for `lookUp`: nothing need be mounted. */
export const shownDirectories = (root: RootDescription): readonly string[] =>
  root.kind === 'overlay' ? [root.upperDir, ...root.lowerDirs] : [root.path];
