/**
 * Device rules for the v1 controller, which holds a default and a list of exceptions
 * (admin-guide/cgroup-v1/devices.rst).
 */
import { invalidParameter } from '../../errors.ts';
import type { DeviceRule } from './resources.ts';

interface Entry {
  readonly type: 'c' | 'b';
  /** -1 any */
  readonly major: number;
  readonly minor: number;
  readonly access: ReadonlySet<string>;
}

/** Values for `devices.deny` and `devices.allow`. */
export interface DeviceWrite {
  readonly file: 'devices.deny' | 'devices.allow';
  readonly data: string;
}

const covers = (wide: Entry, narrow: Entry) =>
  wide.type === narrow.type &&
  (wide.major === -1 || wide.major === narrow.major) &&
  (wide.minor === -1 || wide.minor === narrow.minor);

const overlaps = (left: Entry, right: Entry) =>
  left.type === right.type &&
  (left.major === right.major || left.major === -1 || right.major === -1) &&
  (left.minor === right.minor || left.minor === -1 || right.minor === -1);

const number = (value: number | undefined) => (value === undefined || value < 0 ? -1 : value);

const accessOf = ({ access = '' }: DeviceRule): Set<string> => new Set(access === '' ? 'rwm' : access);

const isAll = (rule: DeviceRule) =>
  (rule.type ?? 'a') === 'a' && number(rule.major) === -1 && number(rule.minor) === -1 && accessOf(rule).size === 3;

function entriesOf(rule: DeviceRule): Entry[] {
  const types = rule.type === undefined || rule.type === 'a' ? (['b', 'c'] as const) : [rule.type];
  return types.map((type) => ({ type, major: number(rule.major), minor: number(rule.minor), access: accessOf(rule) }));
}

/**
 * The writes that bring a new cgroup, which may use what its parent may, to what the rules say in order. No rules: no
 * writes. Throws invalid-parameter for an exception from an exception, which v1 cannot hold.
 */
export function deviceWrites(rules: readonly DeviceRule[]): DeviceWrite[] {
  if (rules.length === 0) return [];
  // What no rule speaks of is denied.
  let defaultAllow = false;
  let exceptions: Entry[] = [];
  for (const rule of rules) {
    if (isAll(rule)) {
      [defaultAllow, exceptions] = [rule.allow, []];
      continue;
    }
    for (const entry of entriesOf(rule)) {
      exceptions = rule.allow === defaultAllow ? without(exceptions, entry, rule) : withEntry(exceptions, entry);
    }
  }
  const file = defaultAllow ? 'devices.deny' : 'devices.allow';
  const list = exceptions.map((entry): DeviceWrite => ({ file, data: format(entry) }));
  return defaultAllow ? list : [{ file: 'devices.deny', data: 'a' }, ...list];
}

function withEntry(exceptions: readonly Entry[], entry: Entry): Entry[] {
  const same = exceptions.find((one) => one.type === entry.type && one.major === entry.major && one.minor === entry.minor);
  const others = exceptions.filter((one) => one !== same);
  return [...others, { ...entry, access: new Set([...(same?.access ?? []), ...entry.access]) }];
}

function without(exceptions: readonly Entry[], entry: Entry, rule: DeviceRule): Entry[] {
  return exceptions.flatMap((one) => {
    if (!overlaps(one, entry)) return [one];
    const access = new Set([...one.access].filter((letter) => !entry.access.has(letter)));
    if (access.size === one.access.size) return [one];
    if (!covers(entry, one)) {
      const attempt = `cannot ${rule.allow ? 'allow' : 'deny'} device ${format(entry)} after ${format(one)}`;
      throw invalidParameter(`${attempt}: cgroup v1 knows no exceptions from exceptions`);
    }
    return access.size === 0 ? [] : [{ ...one, access }];
  });
}

const part = (value: number) => (value === -1 ? '*' : `${value}`);

function format({ type, major, minor, access }: Entry): string {
  return `${type} ${part(major)}:${part(minor)} ${['r', 'w', 'm'].filter((letter) => access.has(letter)).join('')}`;
}
