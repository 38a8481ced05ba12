/** Options of the `local` driver: what is mounted at a volume's place while containers use it. */
import { isIP } from 'node:net';
import { invalidParameter } from '../errors.ts';
import { classicFlags } from '../linux/mount-flags.ts';

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

/** Throws invalid-parameter in Docker's words for options that cannot be. */
export function checkLocalOptions(options: VolumeOptions): void {
  const names = Object.keys(options).filter((name) => Object.hasOwn(options, name));
  const unknown = names.find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined) throw invalidParameter(`invalid option: ${JSON.stringify(unknown)}`);
  checkShare(options);
  checkSize(options['size']);
  const missing = names.flatMap((name) => known[name] ?? []).find((name) => !Object.hasOwn(options, name));
  if (missing !== undefined) throw invalidParameter(`missing required option: ${JSON.stringify(missing)}`);
}

function checkShare({ type, device = '' }: VolumeOptions): void {
  if (type === 'cifs' && /^(?:[a-z]+:)?\/\/[^/]*:\d+(?:\/|$)/i.test(device)) {
    throw invalidParameter("port not allowed in CIFS device URL, include 'port' in 'o='");
  }
}

/** A quota needs a file system with project quotas, which this driver does not set. */
function checkSize(text: string | undefined): void {
  if (text === undefined) return;
  const [, number] = /^(\d+(?:\.\d+)?) ?[kmgtp]?(?:i?b)?$/i.exec(text) ?? [];
  if (number === undefined) throw invalidParameter(`invalid size: '${text}'`);
  if (Number(number) > 0) throw invalidParameter('quota size requested but no quota support');
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
