/** `docker top`: the container's processes as `ps` would print them, read from /proc. No `ps` is needed on the host. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { invalidParameter } from '../errors.ts';

/** What /proc says of one process. */
interface ProcessFacts {
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly tty: string;
  readonly state: string;
  /** CPU time used, in seconds. */
  readonly cpuSeconds: number;
  /** Seconds since the epoch. */
  readonly started: number;
  readonly virtualKb: number;
  readonly residentKb: number;
  readonly nice: number;
  readonly threads: number;
  readonly command: string;
  readonly name: string;
}

/** Ticks of /proc/PID/stat a second (USER_HZ), 100 on every architecture Linux has. */
const ticksPerSecond = 100;
const pageKb = 4;

interface Column {
  readonly title: string;
  readonly value: (process: ProcessFacts) => string;
}

const cpuPercent = (process: ProcessFacts) => (100 * process.cpuSeconds) / Math.max(1, Date.now() / 1000 - process.started);
const clock = (seconds: number) => [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60]
  .map((part) => String(part).padStart(2, '0')).join(':');
const startTime = (process: ProcessFacts) => {
  const at = new Date(process.started * 1000);
  return Date.now() - at.getTime() < 86_400_000 ? at.toTimeString().slice(0, 5) : at.toDateString().slice(4, 7) + String(at.getDate()).padStart(2, '0');
};
const minutesSeconds = (process: ProcessFacts) => `${Math.floor(process.cpuSeconds / 60)}:${String(Math.floor(process.cpuSeconds) % 60).padStart(2, '0')}`;
const totalKb = () => Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 1);

const columns = {
  uid: { title: 'UID', value: (process) => userName(process.uid) },
  user: { title: 'USER', value: (process) => userName(process.uid) },
  pid: { title: 'PID', value: (process) => String(process.pid) },
  ppid: { title: 'PPID', value: (process) => String(process.ppid) },
  c: { title: 'C', value: (process) => String(Math.floor(cpuPercent(process))) },
  stime: { title: 'STIME', value: startTime },
  start: { title: 'START', value: startTime },
  tty: { title: 'TTY', value: (process) => process.tty },
  time: { title: 'TIME', value: (process) => clock(process.cpuSeconds) },
  bsdtime: { title: 'TIME', value: minutesSeconds },
  cmd: { title: 'CMD', value: (process) => process.command },
  command: { title: 'COMMAND', value: (process) => process.command },
  args: { title: 'COMMAND', value: (process) => process.command },
  comm: { title: 'COMMAND', value: (process) => process.name },
  '%cpu': { title: '%CPU', value: (process) => cpuPercent(process).toFixed(1) },
  '%mem': { title: '%MEM', value: (process) => ((100 * process.residentKb) / totalKb()).toFixed(1) },
  vsz: { title: 'VSZ', value: (process) => String(process.virtualKb) },
  rss: { title: 'RSS', value: (process) => String(process.residentKb) },
  stat: { title: 'STAT', value: (process) => process.state },
  s: { title: 'S', value: (process) => process.state },
  ni: { title: 'NI', value: (process) => String(process.nice) },
  nlwp: { title: 'NLWP', value: (process) => String(process.threads) },
} as const satisfies Record<string, Column>;

const fullFormat = ['uid', 'pid', 'ppid', 'c', 'stime', 'tty', 'time', 'cmd'];
const userFormat = ['user', 'pid', '%cpu', '%mem', 'vsz', 'rss', 'tty', 'stat', 'start', 'bsdtime', 'command'];
const plainFormat = ['pid', 'tty', 'time', 'comm'];

/** Returns Docker's `{Titles, Processes}` for the given host pids. `psArgs` as for ps(1): `-ef`, `aux`, `-o pid,comm` … */
export function listProcesses(pids: readonly number[], psArgs: string): { Titles: string[]; Processes: string[][] } {
  const selected = selectColumns(psArgs === '' ? '-ef' : psArgs);
  const processes = pids.flatMap((pid) => readProcess(pid) ?? []);
  return {
    Titles: selected.map((column) => column.title),
    Processes: processes.map((process) => selected.map((column) => column.value(process))),
  };
}

function selectColumns(psArgs: string): Column[] {
  const list = /(?:^|\s)-?o\s*(?:format=)?([\w%,=\s-]+?)(?:\s-|$)/.exec(psArgs)?.[1];
  const names = list !== undefined
    ? list.split(/[,\s]+/).filter((name) => name !== '')
    : /^-\w*f/.test(psArgs) ? fullFormat : /u/.test(psArgs) ? userFormat : plainFormat;
  return names.map((name) => {
    const [key = '', title] = name.split('=');
    const column = Object.hasOwn(columns, key.toLowerCase()) ? columns[key.toLowerCase() as keyof typeof columns] : undefined;
    if (!column) throw invalidParameter(`Error running ps: error: unknown user-defined format specifier "${key}"`, { operation: 'top', object: psArgs });
    return title === undefined ? column : { ...column, title };
  });
}

let bootTime: number | undefined;

function readProcess(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const close = stat.lastIndexOf(')');
    const name = stat.slice(stat.indexOf('(') + 1, close);
    const fields = stat.slice(close + 2).split(' ');
    const field = (number: number) => Number(fields[number - 3] ?? 0);
    const uid = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').replaceAll('\0', ' ');
    bootTime ??= Number(/^btime (\d+)/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? 0);
    return {
      pid, uid, name, ppid: field(4), tty: ttyName(pid, field(7)), state: fields[0] ?? '?',
      cpuSeconds: (field(14) + field(15)) / ticksPerSecond, nice: field(19), threads: field(20),
      started: bootTime + field(22) / ticksPerSecond, virtualKb: field(23) / 1024, residentKb: field(24) * pageKb,
      command: args === '' ? `[${name}]` : args,
    };
  } catch {
    return undefined; // it has ended since the list was read
  }
}

function ttyName(pid: number, device: number): string {
  if (device === 0) return '?';
  try {
    const target = readlinkSync(`/proc/${pid}/fd/0`);
    if (target.startsWith('/dev/')) return target.slice('/dev/'.length);
  } catch {
    // not readable, or already gone: the number says enough
  }
  return `pts/${device & 0xff}`;
}

let users: Map<number, string> | undefined;

/** The host's name of a uid, as ps prints it. */
function userName(uid: number): string {
  users ??= new Map(readFileSync('/etc/passwd', 'utf8').split('\n').flatMap((line) => {
    const fields = line.split(':');
    return fields.length > 2 ? [[Number(fields[2]), fields[0] ?? ''] as const] : [];
  }));
  return users.get(uid) ?? String(uid);
}

/** The host pids below a process: itself, its descendants, and nothing of other containers. */
export function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), pid]);
    } catch {
      // ended meanwhile
    }
  }
  const found: number[] = [];
  for (const queue = [root]; queue.length > 0;) {
    const pid = queue.shift() ?? 0;
    found.push(pid);
    queue.push(...(children.get(pid) ?? []));
  }
  return found;
}
