/** Platforms: `os[/architecture[/variant]]`, with the meanings and error texts of github.com/containerd/platforms. */
import { invalidParameter } from '../errors.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** Empty for none. */
  readonly variant: string;
}

const operatingSystems = new Set((
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'
).split(' '));
const architectures = new Set((
  '386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le '
  + 'riscv riscv64 s390 s390x sparc sparc64 wasm'
).split(' '));

/** What a person writes. Throws invalid-parameter. `host` completes what is left out. */
export function parsePlatform(text: string, host: Platform): Platform {
  const parts = text.toLowerCase().split('/');
  if (parts.length > 3) throw invalid(text, 'cannot parse platform specifier');
  const bad = parts.find((part) => !/^[a-z0-9_.-]+$/.test(part));
  if (bad !== undefined) {
    throw invalid(bad, `is an invalid component of "${text}": platform specifier component must match "^[A-Za-z0-9_.-]+$"`, ' ');
  }
  const [first = '', second, third = ''] = parts;
  if (second !== undefined) return { os: osName(first), ...normalArchitecture(second, third) };
  const os = osName(first);
  if (operatingSystems.has(os)) return { ...host, os };
  const { architecture, variant } = normalArchitecture(first, '');
  if (!architectures.has(architecture)) throw invalid(text, 'unknown operating system or architecture');
  return { os: host.os, architecture, variant };
}

const invalid = (text: string, why: string, separator = ': ') =>
  invalidParameter(`"${text}"${separator}${why}: invalid argument`, { object: text });

const osName = (text: string) => (text === 'macos' ? 'darwin' : text);

/** One name for each of the many that an architecture has. The variant that goes without saying is left out. */
function normalArchitecture(text: string, variant: string): Omit<Platform, 'os'> {
  switch (text) {
    case 'i386': return { architecture: '386', variant: '' };
    case 'x86_64':
    case 'x86-64':
    case 'amd64': return { architecture: 'amd64', variant: variant === 'v1' ? '' : variant };
    case 'aarch64':
    case 'arm64': return { architecture: 'arm64', variant: variant === '8' ? 'v8' : variant };
    case 'armhf': return { architecture: 'arm', variant: 'v7' };
    case 'armel': return { architecture: 'arm', variant: 'v6' };
    case 'arm': return { architecture: 'arm', variant: /^[5-8]$/.test(variant) ? `v${variant}` : variant };
    default: return { architecture: text, variant };
  }
}

/** `linux/arm64/v8`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== '').join('/');
}

/** The newest variant that a platform without one means, by architecture. */
const impliedVariants: Readonly<Record<string, string>> = { amd64: 'v1', arm: 'v7', arm64: 'v8' };

/** Whether something made for `made` runs where `wanted` is asked for: older variants do. */
export function platformMatches(made: Platform, wanted: Platform): boolean {
  const [has, needs] = [made, wanted].map(({ os, architecture, variant }) => ({ os, ...normalArchitecture(architecture, variant) }));
  if (has!.os !== needs!.os) return false;
  if (has!.architecture === '386' && needs!.architecture === 'amd64') return true;
  if (has!.architecture !== needs!.architecture) return false;
  const [version, most] = [has!, needs!].map((platform) => variantNumber(platform));
  return version === undefined || most === undefined ? has!.variant === needs!.variant : version <= most;
}

function variantNumber({ architecture, variant }: Omit<Platform, 'os'>): number | undefined {
  const digits = /^v(\d+(?:\.\d+)?)$/.exec(variant || (impliedVariants[architecture] ?? ''))?.[1];
  return digits === undefined ? undefined : Number(digits);
}
