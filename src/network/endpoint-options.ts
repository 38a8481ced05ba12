/** `DriverOpts` of a container's endpoint (`--network name=…,driver-opt=…`), read and refused in Docker's words. */
import { invalidParameter } from '../errors.ts';

type DriverOptions = Readonly<Record<string, string>> | null | undefined;

const interfaceLabel = 'com.docker.network.endpoint.ifname';
export const sysctlLabel = 'com.docker.network.endpoint.sysctls';

/** The name that its interface in the container is to have; empty for one of the engine's choice. */
export const askedInterface = (options: DriverOptions): string => options?.[interfaceLabel] ?? '';

/** IFNAMSIZ, with the zero at the end. */
const maxName = 15;

/** Throws invalid-parameter for a name that the kernel gives no interface, or that another one has. `hostInterface`: what Docker calls it by until then. */
export function checkInterfaceName(name: string, hostInterface: string, taken: ReadonlySet<string>): void {
  const refuse = (why: string) => {
    throw invalidParameter(`failed to add interface ${hostInterface} to sandbox: error renaming interface "${hostInterface}" to "${name}": ${why}`, { object: name });
  };
  if (Buffer.byteLength(name) > maxName) refuse('numerical result out of range');
  // A kernel would make a number of `%d`.
  if (name === '.' || name === '..' || /[/:\s%]/.test(name)) refuse('invalid argument');
  if (taken.has(name) || name === 'lo') refuse('file exists');
}

/** A setting of an endpoint's interface. */
export interface InterfaceSysctl {
  /** `/proc/sys/net/ipv4/conf/eth0/log_martians` */
  readonly path: string;
  readonly value: string;
}

/**
 * The whole of a name: what it leads to are settings of one interface, and so of the container's own network namespace. The docker command
 * writes all of an option in lower case.
 */
const ofAnInterface = /^net\.(ipv4|ipv6|mpls)\.([a-z]+)\.(?:IFNAME|ifname)\.([\w.-]+)$/;

/** What is wrong with the settings, each in a sentence. */
export function sysctlFaults(options: DriverOptions): string[] {
  return sysctls(options).filter((each) => !ofAnInterface.test(splitOnce(each, '=')[0])).map(sysctlFault);
}

const sysctlFault = (each: string): string =>
  `unrecognised network interface sysctl '${each}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`;

/** For the interface of a name. Throws invalid-parameter for one without a value. */
export function interfaceSysctls(options: DriverOptions, name: string, hostInterface: string): InterfaceSysctl[] {
  return sysctls(options).map((each) => {
    const [key, value] = splitOnce(each, '=');
    if (value === undefined) throw invalidParameter(`failed to add interface ${hostInterface} to sandbox: expected sysctl '${each}' to have format name=value`, { object: each });
    const [, family, kind, setting] = ofAnInterface.exec(key) ?? [];
    if (family === undefined || kind === undefined || setting === undefined) throw invalidParameter(sysctlFault(each), { object: each });
    // A name of an interface may have dots.
    return { path: `/proc/sys/net/${family}/${kind}/${name}/${setting.replaceAll('.', '/')}`, value };
  });
}

const sysctls = (options: DriverOptions): string[] => (options?.[sysctlLabel] === undefined ? [] : options[sysctlLabel].split(','));

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
