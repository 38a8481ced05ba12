/** Mount flags (mount(2), mount_setattr(2)) and the words of mount(8) and OCI for them. */

/** MS_* of mount(2) (linux/mount.h). */
export const mountFlag = {
  MS_RDONLY: 1,
  MS_NOSUID: 2,
  MS_NODEV: 4,
  MS_NOEXEC: 8,
  MS_SYNCHRONOUS: 16,
  MS_REMOUNT: 32,
  MS_MANDLOCK: 64,
  MS_DIRSYNC: 128,
  MS_NOSYMFOLLOW: 256,
  MS_NOATIME: 1024,
  MS_NODIRATIME: 2048,
  MS_BIND: 4096,
  MS_MOVE: 8192,
  MS_REC: 16384,
  MS_SILENT: 32768,
  MS_UNBINDABLE: 1 << 17,
  MS_PRIVATE: 1 << 18,
  MS_SLAVE: 1 << 19,
  MS_SHARED: 1 << 20,
  MS_RELATIME: 1 << 21,
  MS_STRICTATIME: 1 << 24,
} as const;

/** MOUNT_ATTR_* of mount_setattr(2) and fsmount(2) (Linux 5.12; NOSYMFOLLOW 5.14). */
export const mountAttribute = {
  MOUNT_ATTR_RDONLY: 0x1,
  MOUNT_ATTR_NOSUID: 0x2,
  MOUNT_ATTR_NODEV: 0x4,
  MOUNT_ATTR_NOEXEC: 0x8,
  /** The field that holds one of RELATIME (0), NOATIME, STRICTATIME. */
  MOUNT_ATTR__ATIME: 0x70,
  MOUNT_ATTR_RELATIME: 0x0,
  MOUNT_ATTR_NOATIME: 0x10,
  MOUNT_ATTR_STRICTATIME: 0x20,
  MOUNT_ATTR_NODIRATIME: 0x80,
  MOUNT_ATTR_IDMAP: 0x100000,
  MOUNT_ATTR_NOSYMFOLLOW: 0x200000,
} as const;

/** What a list of mount options asks for. */
export interface MountOptions {
  /** A bind mount: `bind`, or `rbind` with `recursive`. */
  readonly bind: boolean;
  readonly recursive: boolean;
  readonly remount: boolean;
  /** MOUNT_ATTR_* to set and to clear on the mount itself. */
  readonly attributesSet: number;
  readonly attributesClear: number;
  /** MOUNT_ATTR_* to set and to clear on it and every mount below it (`rro`, `rnosuid` …). */
  readonly recursiveSet: number;
  readonly recursiveClear: number;
  /** In the order given: MS_PRIVATE, MS_SLAVE, MS_SHARED or MS_UNBINDABLE, with MS_REC for the `r` forms. */
  readonly propagation: readonly number[];
  /** Words that the file system itself understands: `size=64m`, `mode=755`, `sync`. */
  readonly data: readonly string[];
  /** Extension: the image's content is copied into an empty mount (`copyup`, `tmpcopyup`). */
  readonly copyUp: boolean;
  /** Extension: present the source through the container's own id map (`idmap`, `ridmap`). */
  readonly idmap: 'none' | 'idmap' | 'ridmap';
}

interface AttributeChange {
  readonly set: number;
  readonly clear: number;
}

const attribute = mountAttribute;
const atime = attribute.MOUNT_ATTR__ATIME;
const sets = (bit: number): AttributeChange => ({ set: bit, clear: 0 });
const clears = (bit: number): AttributeChange => ({ set: 0, clear: bit });

/** Each of these words exists with an `r` in front too, for the whole tree. */
const attributeWords: Readonly<Record<string, AttributeChange>> = {
  ro: sets(attribute.MOUNT_ATTR_RDONLY),
  rw: clears(attribute.MOUNT_ATTR_RDONLY),
  nosuid: sets(attribute.MOUNT_ATTR_NOSUID),
  suid: clears(attribute.MOUNT_ATTR_NOSUID),
  nodev: sets(attribute.MOUNT_ATTR_NODEV),
  dev: clears(attribute.MOUNT_ATTR_NODEV),
  noexec: sets(attribute.MOUNT_ATTR_NOEXEC),
  exec: clears(attribute.MOUNT_ATTR_NOEXEC),
  nodiratime: sets(attribute.MOUNT_ATTR_NODIRATIME),
  diratime: clears(attribute.MOUNT_ATTR_NODIRATIME),
  nosymfollow: sets(attribute.MOUNT_ATTR_NOSYMFOLLOW),
  symfollow: clears(attribute.MOUNT_ATTR_NOSYMFOLLOW),
  // The kernel wants the whole field cleared before one value is set in it.
  noatime: { set: attribute.MOUNT_ATTR_NOATIME, clear: atime },
  atime: clears(atime),
  relatime: clears(atime),
  norelatime: clears(atime),
  strictatime: { set: attribute.MOUNT_ATTR_STRICTATIME, clear: atime },
  nostrictatime: clears(atime),
};

const propagationWords: Readonly<Record<string, number>> = {
  private: mountFlag.MS_PRIVATE,
  shared: mountFlag.MS_SHARED,
  slave: mountFlag.MS_SLAVE,
  unbindable: mountFlag.MS_UNBINDABLE,
};

/** Words that mean nothing to the kernel, or what it does anyway. */
const ignoredWords = new Set(['defaults', 'loud', 'nomand', 'async', 'nolazytime', 'noiversion', '']);

/** MS_* value of a propagation word (`rslave`), with MS_REC for the `r` forms; undefined for any other word. */
export function propagationFlag(word: string): number | undefined {
  const plain = ownProperty(propagationWords, word);
  if (plain !== undefined) return plain;
  const recursive = word.startsWith('r') ? ownProperty(propagationWords, word.slice(1)) : undefined;
  return recursive === undefined ? undefined : recursive | mountFlag.MS_REC;
}

function ownProperty<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function apply(before: AttributeChange, change: AttributeChange): AttributeChange {
  const touched = change.set | change.clear;
  return { set: (before.set & ~touched) | change.set, clear: (before.clear & ~touched) | change.clear };
}

/** Parses OCI mount options (runtime-spec, "Linux mount options"). A later word wins over an earlier one. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  let own: AttributeChange = { set: 0, clear: 0 };
  let tree: AttributeChange = { set: 0, clear: 0 };
  let [bind, recursive, remount, copyUp] = [false, false, false, false];
  let idmap: MountOptions['idmap'] = 'none';
  const propagation: number[] = [];
  const data: string[] = [];
  for (const word of options) {
    const change = ownProperty(attributeWords, word);
    const treeChange = word.startsWith('r') ? ownProperty(attributeWords, word.slice(1)) : undefined;
    const flag = propagationFlag(word);
    if (change !== undefined) own = apply(own, change);
    else if (treeChange !== undefined) tree = apply(tree, treeChange);
    else if (flag !== undefined) propagation.push(flag);
    else if (word === 'bind' || word === 'rbind') [bind, recursive] = [true, word === 'rbind'];
    else if (word === 'remount') remount = true;
    else if (word === 'copyup' || word === 'tmpcopyup') copyUp = true;
    else if (word === 'idmap' || word === 'ridmap') idmap = word;
    else if (!ignoredWords.has(word)) data.push(word);
  }
  return {
    bind, recursive, remount, copyUp, idmap, propagation, data,
    attributesSet: own.set, attributesClear: own.clear, recursiveSet: tree.set, recursiveClear: tree.clear,
  };
}

/** The words for a mount's MOUNT_ATTR_* bits, as /proc/self/mountinfo has them. */
export function attributeNames(attributes: number): string[] {
  const words = [(attributes & attribute.MOUNT_ATTR_RDONLY) === 0 ? 'rw' : 'ro'];
  for (const word of ['nosuid', 'nodev', 'noexec', 'nodiratime', 'nosymfollow'] as const) {
    if ((attributes & (attributeWords[word] as AttributeChange).set) !== 0) words.push(word);
  }
  const time = attributes & atime;
  if (time === attribute.MOUNT_ATTR_NOATIME) return [...words, 'noatime'];
  return [...words, time === attribute.MOUNT_ATTR_STRICTATIME ? 'strictatime' : 'relatime'];
}

/** Options of mount(8) that are flags of mount(2): what each sets, or clears. */
const classicWords: Readonly<Record<string, { readonly bit: number; readonly clear?: true }>> = {
  defaults: { bit: 0 },
  ro: { bit: mountFlag.MS_RDONLY }, rw: { bit: mountFlag.MS_RDONLY, clear: true },
  nosuid: { bit: mountFlag.MS_NOSUID }, suid: { bit: mountFlag.MS_NOSUID, clear: true },
  nodev: { bit: mountFlag.MS_NODEV }, dev: { bit: mountFlag.MS_NODEV, clear: true },
  noexec: { bit: mountFlag.MS_NOEXEC }, exec: { bit: mountFlag.MS_NOEXEC, clear: true },
  sync: { bit: mountFlag.MS_SYNCHRONOUS }, async: { bit: mountFlag.MS_SYNCHRONOUS, clear: true },
  dirsync: { bit: mountFlag.MS_DIRSYNC }, remount: { bit: mountFlag.MS_REMOUNT },
  mand: { bit: mountFlag.MS_MANDLOCK }, nomand: { bit: mountFlag.MS_MANDLOCK, clear: true },
  noatime: { bit: mountFlag.MS_NOATIME }, atime: { bit: mountFlag.MS_NOATIME, clear: true },
  nodiratime: { bit: mountFlag.MS_NODIRATIME }, diratime: { bit: mountFlag.MS_NODIRATIME, clear: true },
  bind: { bit: mountFlag.MS_BIND }, rbind: { bit: mountFlag.MS_BIND | mountFlag.MS_REC },
  relatime: { bit: mountFlag.MS_RELATIME }, norelatime: { bit: mountFlag.MS_RELATIME, clear: true },
  strictatime: { bit: mountFlag.MS_STRICTATIME }, nostrictatime: { bit: mountFlag.MS_STRICTATIME, clear: true },
};

/** Options of mount(8) as mount(2) takes them: flags, and what only the file system knows, joined by commas. */
export function classicFlags(words: readonly string[]): { readonly flags: number; readonly data: string } {
  let flags = 0;
  const data: string[] = [];
  for (const word of words) {
    const known = ownProperty(classicWords, word);
    if (known !== undefined) flags = known.clear === true ? flags & ~known.bit : flags | known.bit;
    else if (word !== '') data.push(word);
  }
  return { flags, data: data.join(',') };
}
