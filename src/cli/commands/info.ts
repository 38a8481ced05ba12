import type { Command } from '../command.ts';
import { binarySize } from '../format/quantity.ts';
import { print, printLine } from '../io/output.ts';
import { FORMAT_FLAG } from '../inspecting.ts';
import { version } from '../../version.ts';

/** The fields of `GET /info` shown here; the engine sends more. */
interface Info {
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly ContainersPaused: number;
  readonly ContainersStopped: number;
  readonly Images: number;
  readonly ServerVersion: string;
  readonly Driver: string;
  readonly DriverStatus?: readonly (readonly string[])[] | null;
  readonly LoggingDriver?: string;
  readonly CgroupDriver?: string;
  readonly CgroupVersion?: string;
  readonly SecurityOptions?: readonly string[] | null;
  readonly KernelVersion: string;
  readonly OperatingSystem: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Name: string;
  readonly ID: string;
  readonly DockerRootDir: string;
  readonly Debug: boolean;
  readonly DefaultRuntime?: string;
  readonly Warnings?: readonly string[] | null;
}

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Show what the engine runs on',
  flags: [FORMAT_FLAG],
  least: 0,
  most: 0,
  async run(context, flags) {
    const engine = await context.engine();
    const info = await (await engine.request('GET', '/info')).json<Info>();
    const format = flags.string('format');
    if (format === '') print(describe(info));
    else if (format === 'json') printLine(JSON.stringify(info));
    else printLine(new (await import('../format/template.ts')).Template(format).execute(info));
    return 0;
  },
};

function describe(info: Info): string {
  const lines: string[] = ['Client: Caisson', ` Version: ${version}`, '', 'Server:'];
  const add = (name: string, value: string | number | undefined, depth = 1) => {
    if (value !== undefined && value !== '') lines.push(`${' '.repeat(depth)}${name}: ${value}`);
  };
  add('Containers', info.Containers);
  add('Running', info.ContainersRunning, 2);
  add('Paused', info.ContainersPaused, 2);
  add('Stopped', info.ContainersStopped, 2);
  add('Images', info.Images);
  add('Server Version', info.ServerVersion);
  add('Storage Driver', info.Driver);
  for (const [name = '', value = ''] of info.DriverStatus ?? []) add(name, value, 2);
  add('Logging Driver', info.LoggingDriver);
  add('Cgroup Driver', info.CgroupDriver);
  add('Cgroup Version', info.CgroupVersion);
  add('Default Runtime', info.DefaultRuntime);
  if ((info.SecurityOptions ?? []).length > 0) lines.push(' Security Options:', ...(info.SecurityOptions ?? []).map((option) => `  ${option}`));
  add('Kernel Version', info.KernelVersion);
  add('Operating System', info.OperatingSystem);
  add('OSType', info.OSType);
  add('Architecture', info.Architecture);
  add('CPUs', info.NCPU);
  add('Total Memory', binarySize(info.MemTotal));
  add('Name', info.Name);
  add('ID', info.ID);
  add('Data Root', info.DockerRootDir);
  add('Debug Mode', String(info.Debug));
  for (const warning of info.Warnings ?? []) lines.push(warning);
  return `${lines.join('\n')}\n`;
}
