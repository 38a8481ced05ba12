import type { Resources } from '../../engine/docker-types.ts';
import type { Command } from '../command.ts';
import { CONTAINER_FLAGS } from '../create/flags.ts';
import { parseRestart } from '../create/request.ts';
import { forEach } from '../each.ts';
import { containerPath } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';
import type { FlagSpec } from '../flags/spec.ts';
import type { Flags } from '../flags/values.ts';
import { printLine } from '../io/output.ts';

/** Options of `run` that can be changed later. */
const changeable = new Set([
  'blkio-weight', 'cpu-period', 'cpu-quota', 'cpu-rt-period', 'cpu-rt-runtime', 'cpu-shares', 'cpus', 'cpuset-cpus', 'cpuset-mems',
  'kernel-memory', 'memory', 'memory-reservation', 'memory-swap', 'pids-limit', 'restart',
]);

/** Without the defaults of `run`: what is not given stays as it is. */
const flags: readonly FlagSpec[] = CONTAINER_FLAGS.filter(({ name }) => changeable.has(name)).map(({ initial: _initial, ...spec }) => spec);

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Change limits and restart policies of containers',
  flags,
  least: 1,
  async run(context, given, args) {
    if (!flags.some(({ name }) => given.changed(name))) {
      throw new ExitError(1, 'you must provide one or more flags when using this command');
    }
    const body = { ...resources(given), RestartPolicy: parseRestart(given.string('restart')) };
    const engine = await context.engine();
    const warnings: string[] = [];
    const code = await forEach(args, async (name) => {
      const answer = await engine.request('POST', containerPath(name, '/update'), { json: body });
      const { Warnings } = await answer.json<{ Warnings: string[] | null }>();
      warnings.push(...(Warnings ?? []));
    });
    for (const warning of warnings) printLine(warning);
    return code;
  },
};

function resources(given: Flags): Resources {
  return {
    BlkioWeight: given.number('blkio-weight'),
    CpusetCpus: given.string('cpuset-cpus'),
    CpusetMems: given.string('cpuset-mems'),
    CpuShares: given.number('cpu-shares'),
    Memory: given.number('memory'),
    MemoryReservation: given.number('memory-reservation'),
    MemorySwap: given.number('memory-swap'),
    CpuPeriod: given.number('cpu-period'),
    CpuQuota: given.number('cpu-quota'),
    CpuRealtimePeriod: given.number('cpu-rt-period'),
    CpuRealtimeRuntime: given.number('cpu-rt-runtime'),
    NanoCpus: given.number('cpus'),
    ...(given.changed('pids-limit') ? { PidsLimit: given.number('pids-limit') } : {}),
  };
}
