/** Options of networks of the drivers macvlan and ipvlan, read and refused in Docker's words. */
import { invalidParameter } from '../errors.ts';
import type { IpvlanFlag, IpvlanMode, MacvlanMode } from '../linux/netlink/route.ts';
import { ipvlanFlags, ipvlanModes, macvlanModes } from '../linux/netlink/route.ts';

export type ParentDriver = 'macvlan' | 'ipvlan';
export type ParentOptions = Readonly<Record<string, string>>;

export const isParentDriver = (driver: string): driver is ParentDriver => driver === 'macvlan' || driver === 'ipvlan';

/** Of options that have been checked. */
export const macvlanModeOf = (options: ParentOptions): MacvlanMode => known(macvlanModes, options['macvlan_mode']) ?? 'bridge';
export const ipvlanModeOf = (options: ParentOptions): IpvlanMode => known(ipvlanModes, options['ipvlan_mode']) ?? 'l2';
export const ipvlanFlagOf = (options: ParentOptions): IpvlanFlag => known(ipvlanFlags, options['ipvlan_flag']) ?? 'bridge';

const known = <Name extends string>(table: Readonly<Record<Name, number>>, text = ''): Name | undefined =>
  (Object.hasOwn(table, text) ? text as Name : undefined);

/** Throws invalid-parameter for a mode or flag that there is not. */
export function checkModes(driver: ParentDriver, options: ParentOptions): void {
  const [mode, flag] = [options[`${driver}_mode`] ?? '', options['ipvlan_flag'] ?? ''];
  const [modes, usual] = driver === 'macvlan' ? [macvlanModes, 'bridge'] as const : [ipvlanModes, 'l2'] as const;
  if (mode !== '' && !Object.hasOwn(modes, mode)) {
    throw invalidParameter(`requested ${driver} mode '${mode}' is not valid, '${usual}' mode is the ${driver} driver default`);
  }
  if (driver === 'ipvlan' && flag !== '' && !Object.hasOwn(ipvlanFlags, flag)) {
    throw invalidParameter(`requested ipvlan flag '${flag}' is not valid, 'bridge' is the ipvlan driver default`);
  }
}

/** Which of a network's own choices leave it without a gateway: there is nobody outside to be one (l3 routes by itself). */
export const needsNoGateway = (driver: ParentDriver, options: ParentOptions, internal: boolean): boolean =>
  internal || (options['parent'] ?? '') === '' || (driver === 'ipvlan' && ipvlanModeOf(options) !== 'l2');
