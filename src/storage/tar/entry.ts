/**
 * One member of a tar archive. Names, link names and xattr names are *byte strings*: a JavaScript string with one
 * character (0 to 255) for each byte. File names on Linux are bytes, not text, and a layer must give back the same
 * ones.
 */

export type EntryType =
  | 'file'
  | 'hard-link'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'directory'
  | 'fifo'
  /** A type flag without a meaning here; `typeFlag` says which. */
  | 'unsupported';

/** Seconds and nanoseconds since 1970; nanoseconds count upwards, also before 1970. */
export interface Timestamp {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** A part of a sparse file that holds data. Bytes. */
export interface Fragment {
  readonly offset: number;
  readonly length: number;
}

export interface TarEntry {
  readonly name: string;
  readonly type: EntryType;
  /** The archive's own type flag, as a character code. */
  readonly typeFlag: number;
  /** Permission bits with setuid, setgid and sticky (0o7777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of the file's content, holes included. 0 for anything but a file. */
  readonly size: number;
  readonly mtime: Timestamp;
  readonly linkName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** From SCHILY.xattr.* records. */
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
  /** Set for a sparse file: where the archive's bytes belong. Everything else is a hole. */
  readonly fragments: readonly Fragment[] | undefined;
}

/** Size of a tar block. */
export const blockSize = 512;

/** Bytes that fill `size` up to a whole block. */
export const paddingOf = (size: number): number => (blockSize - (size % blockSize)) % blockSize;

/** The byte string of a text: its UTF-8 bytes. */
export const toByteString = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** The text of a byte string, for messages. */
export const fromByteString = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');
