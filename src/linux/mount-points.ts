/** Mount points of a mount namespace (proc_pid_mountinfo(5)). */

/** mountinfo writes space, tab, newline and backslash in octal. */
export const unescapeMountPath = (text: string): string => text.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)));

/** The mount points of a /proc/PID/mountinfo, in its order. */
export const mountPoints = (mountinfo: string): string[] =>
  mountinfo.split('\n').filter((line) => line !== '').map((line) => unescapeMountPath(line.split(' ')[4] ?? ''));
