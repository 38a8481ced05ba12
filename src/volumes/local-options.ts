/** Options of the `local` driver: what is mounted at a volume's place while containers use it. */
import { isIP } from 'node:net';
import { invalidParameter } from '../errors.ts';
import { classicFlags } from '../linux/mount-flags.ts';
import { parseSize } from '../sizes.ts';

export type VolumeOptions = Readonly<Record<string, string>>;

/** One mount(2). */
export interface LocalMount {
  readonly device: string;
  readonly type: string;
  /** MS_* */
  readonly flags: number;
  readonly data: string;
}

/** Each option, and those that it needs beside it, in the order in which Docker would name them. */
const known: Readonly<Record<string, readonly string[]>> = {
  type: ['device'], device: ['type'], o: ['device', 'type'], size: [],
};

/** Throws invalid-parameter in Docker's words for options that cannot be. `quotas`: volumes can be limited here. */
export function checkLocalOptions(options: VolumeOptions, quotas: boolean): void {
  const names = Object.keys(options).filter((name) => Object.hasOwn(options, name));
  const unknown = names.find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined) throw invalidParameter(`invalid option: ${JSON.stringify(unknown)}`);
  checkShare(options);
  if (sizeLimit(options) > 0 && !quotas) throw invalidParameter('quota size requested but no quota support');
  const missing = names.flatMap((name) => known[name] ?? []).find((name) => !Object.hasOwn(options, name));
  if (missing !== undefined) throw invalidParameter(`missing required option: ${JSON.stringify(missing)}`);
}

function checkShare({ type, device = '' }: VolumeOptions): void {
  if (type === 'cifs' && /^(?:[a-z]+:)?\/\/[^/]*:\d+(?:\/|$)/i.test(device)) {
    throw invalidParameter("port not allowed in CIFS device URL, include 'port' in 'o='");
  }
}

/** Bytes that a volume may hold; 0 is without limit. Throws invalid-parameter for what is no size. */
export function sizeLimit(options: VolumeOptions): number {
  const text = options['size'];
  const size = text === undefined ? 0 : parseSize(text, 1024);
  if (size === undefined) throw invalidParameter(`invalid size: '${text}'`);
  return size;
}

/** Undefined for a volume that is just a directory. */
export function localMount(options: VolumeOptions | null): LocalMount | undefined {
  const { type, device, o = '' } = options ?? {};
  if (type === undefined || device === undefined) return undefined;
  return { device, type, ...classicFlags(o.split(',')) };
}

/** The server that a network file system's `addr=` names, when it is a name: the kernel wants an address. */
export function serverName({ type, data }: LocalMount): string | undefined {
  if (type !== 'nfs' && type !== 'nfs4' && type !== 'cifs') return undefined;
  const address = /(?:^|,)addr=([^,]*)/.exec(data)?.[1] ?? '';
  return address === '' || isIP(address) !== 0 ? undefined : address;
}

/** The same with an address in place of the server's name. */
export const withServer = (mount: LocalMount, address: string): LocalMount => ({
  ...mount, data: mount.data.replace(/(^|,)addr=[^,]*/, (_, comma: string) => `${comma}addr=${address}`),
});
