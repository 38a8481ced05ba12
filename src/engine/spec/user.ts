/**
 * Users and groups by name or number, looked up in the image's own passwd and group files (moby/sys/user GetExecUser).
 */
import { systemError } from '../../errors.ts';

/** Text of the container's /etc/passwd and /etc/group; empty when it has none. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** The primary group first, then the groups that list the user, then `--group-add`. */
  readonly additionalGids: readonly number[];
  readonly home: string;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const maxId = 0x7fff_ffff;

/** A number that Go's Atoi accepts; undefined otherwise. */
const parseId = (text: string): number | undefined => (/^[+-]?\d+$/.test(text) ? Number(text) : undefined);
const lines = (text: string): string[][] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => line.split(':'));

const parsePasswd = (text: string): PasswdEntry[] =>
  lines(text).map(([name = '', , uid = '', gid = '', , home = '']) => ({
    name,
    uid: parseId(uid) ?? 0,
    gid: parseId(gid) ?? 0,
    home,
  }));

const parseGroups = (text: string): GroupEntry[] =>
  lines(text).map(([name = '', , gid = '', members = '']) => ({
    name,
    gid: parseId(gid) ?? 0,
    members: members === '' ? [] : members.split(','),
  }));

function inRange(id: number): number {
  if (id < 0 || id > maxId) throw systemError(`uids and gids must be in range 0-${maxId}`);
  return id;
}

/**
 * Resolves `user[:group]`; empty means root. A number is an id, whether or not the files know it; a name must be there.
 * Groups that list the user count only when no group is given. Throws a system error, as Docker does at start, in its
 * words.
 */
export function resolveUser(spec: string, groupAdd: readonly string[], files: UserFiles): ResolvedUser {
  const colon = spec.indexOf(':');
  const userArg = colon < 0 ? spec : spec.slice(0, colon);
  const groupArg = colon < 0 ? '' : spec.slice(colon + 1);
  const uidArg = parseId(userArg);
  const entry = parsePasswd(files.passwd).find(({ name, uid }) =>
    userArg === '' ? uid === 0 : uidArg === undefined ? name === userArg : uid === uidArg,
  );
  if (entry === undefined && userArg !== '' && uidArg === undefined) {
    throw systemError(`unable to find user ${userArg}: no matching entries in passwd file`);
  }
  const groups = parseGroups(files.group);
  const uid = entry?.uid ?? inRange(uidArg ?? 0);
  const gid = groupArg === '' ? (entry?.gid ?? 0) : groupId(groupArg, groups);
  const implied =
    groupArg === '' && entry !== undefined
      ? groups.filter(({ members }) => members.includes(entry.name)).map((group) => group.gid)
      : [];
  const added = groupAdd.map((name) => groupId(name, groups));
  return { uid, gid, additionalGids: [...new Set([gid, ...implied, ...added])], home: entry?.home || '/' };
}

function groupId(text: string, groups: readonly GroupEntry[]): number {
  const number = parseId(text);
  const entry = groups.find(({ name, gid }) => (number === undefined ? name === text : gid === number));
  if (entry === undefined && number === undefined)
    throw systemError(`unable to find group ${text}: no matching entries in group file`);
  return entry?.gid ?? inRange(number ?? 0);
}
