/** `--device` and `--device-cgroup-rule`. */
import { invalidParameter, systemError } from '../../errors.ts';
import type { OciDevice, OciDeviceRule } from '../../runtime/oci.ts';
import type { DeviceMapping } from '../docker-types.ts';

/** What stands at a host path, links followed. */
export type HostDevice =
  | { readonly kind: 'device'; readonly device: OciDevice }
  /** Devices below it, their paths relative to it. */
  | { readonly kind: 'directory'; readonly devices: readonly OciDevice[] }
  | { readonly kind: 'missing' }
  | { readonly kind: 'other' };

export interface GrantedDevices {
  readonly devices: readonly OciDevice[];
  readonly rules: readonly OciDeviceRule[];
}

/** Resolves `--device` options. Throws a system error, as Docker does at start, for a path that is no device. */
export function grantDevices(mappings: readonly DeviceMapping[], lookup: (path: string) => HostDevice): GrantedDevices {
  const granted = mappings.map((mapping) => grant(mapping, lookup));
  return { devices: granted.flatMap(({ devices }) => devices), rules: granted.flatMap(({ rules }) => rules) };
}

function grant(mapping: DeviceMapping, lookup: (path: string) => HostDevice): GrantedDevices {
  const onHost = mapping.PathOnHost ?? '';
  const inContainer = mapping.PathInContainer || onHost;
  const access = mapping.CgroupPermissions || 'rwm';
  const found = lookup(onHost);
  const refused = (why: string) =>
    systemError(`error gathering device information while adding custom device ${JSON.stringify(onHost)}: ${why}`, {
      object: onHost,
    });
  switch (found.kind) {
    case 'missing':
      throw refused('no such file or directory');
    case 'other':
      throw refused('not a device node');
    case 'device':
      return withRules([{ ...found.device, path: inContainer }], access);
    case 'directory':
      return withRules(
        found.devices.map((device) => ({ ...device, path: `${inContainer.replace(/\/+$/, '')}/${device.path}` })),
        access,
      );
  }
}

function withRules(devices: readonly OciDevice[], access: string): GrantedDevices {
  return {
    devices,
    rules: devices
      .filter(({ type }) => type !== 'p')
      .map(({ type, major, minor }) => ({ allow: true, type: type === 'b' ? 'b' : 'c', major, minor, access })),
  };
}

/** `c 42:* rwm`. Throws invalid-parameter, in Docker's words. */
export function parseDeviceRule(text: string): OciDeviceRule {
  const match = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text);
  if (match === null) throw invalidParameter(`invalid device cgroup rule format: '${text}'`);
  const [, type, major, minor, access] = match as unknown as [string, 'a' | 'c' | 'b', string, string, string];
  const numbers = { ...deviceNumber('major', major, text), ...deviceNumber('minor', minor, text) };
  return { allow: true, type, access, ...numbers };
}

/** Nothing for `*`: any number. */
function deviceNumber(which: 'major' | 'minor', digits: string, rule: string): { readonly major?: number; readonly minor?: number } {
  if (digits === '*') return {};
  const number = Number(digits);
  if (!Number.isSafeInteger(number)) throw invalidParameter(`invalid ${which} value in device cgroup rule format: '${rule}'`);
  return { [which]: number };
}
