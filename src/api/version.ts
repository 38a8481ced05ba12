/** API versions. All are 1.NN, so a version is its minor number: 1.51 is 51. */
import { invalidParameter } from '../errors.ts';

export const maxVersion = 51;
export const minVersion = 24;

/** `1.51` */
export function formatVersion(minor: number): string {
  return `1.${minor}`;
}

/**
 * The version a path asks for: `1.41` from `/v1.41/info`.
 * @throws invalid-parameter in Docker's words when it is newer than the newest; `refusalOfOld` says when it is too old
 */
export function negotiate(text: string): number {
  const [major, minor] = parts(text);
  if (major > 1 || (major === 1 && minor > maxVersion)) {
    const newest = formatVersion(maxVersion);
    throw invalidParameter(`client version ${text} is too new. Maximum supported API version is ${newest}`);
  }
  return minor;
}

/** What a client is told whose version is not served any more, as text: it does not know errors in JSON. */
export function refusalOfOld(text: string): string | undefined {
  const [major, minor] = parts(text);
  if (major > 1 || (major === 1 && minor >= minVersion)) return undefined;
  return `client version ${text} is too old. Minimum supported API version is ${formatVersion(minVersion)}, `
    + 'please upgrade your client to a newer version';
}

function parts(text: string): [major: number, minor: number] {
  const [major = 0, minor = 0] = text.split('.').map(Number);
  return [major, minor];
}
