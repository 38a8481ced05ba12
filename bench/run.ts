/**
 * `npm run bench`: Caisson and Docker Engine in turn on the same work, on this machine, in one run. Absolute times say more
 * about the machine than about the engine; the ratios are what counts.
 */
import { commandLine, burst, exec, lifecycle, memory, PHASES, type Effort, type Phase } from './figures.ts';
import { measureFloor } from './floor.ts';
import { median } from './statistics.ts';
import { format, table, type Unit } from './table.ts';
import { RunningEngine, caissonCommand, type EngineKind } from '../test/support/engine.ts';
import { dockerCommand } from '../test/support/docker-command.ts';
import { installedPeer, unpackedPeer } from '../test/support/peers.ts';

const THOROUGH: Effort = { rounds: 40, commands: 20, burst: 50, crowd: 20 };
const QUICK: Effort = { rounds: 8, commands: 4, burst: 10, crowd: 5 };

/** What is measured on every engine. `goal`: how many times better than the best peer Caisson means to be. */
const FIGURES = {
  lifecycle: { title: 'API create+start+wait+remove of true, no network', unit: 'ms', goal: 20 },
  run: { title: 'docker run --rm --network none busybox true', unit: 'ms', goal: 9 },
  exec: { title: 'exec of true through the API', unit: 'ms', goal: 10 },
  burstStart: { title: 'N containers created and started at once', unit: 'ms', goal: 15 },
  burstRemove: { title: 'N containers removed at once', unit: 'ms', goal: 12 },
  perContainer: { title: 'engine memory per running container (PSS)', unit: 'bytes', goal: 10 },
  idle: { title: 'idle engine (PSS)', unit: 'bytes', goal: 2 },
} satisfies Record<string, { title: string; unit: Unit; goal: number }>;
type Figure = keyof typeof FIGURES;
type Figures = Record<Figure, number>;

interface Measured {
  readonly name: string;
  readonly figures: Figures;
  readonly phases: Readonly<Record<Phase, number>>;
  /** `caisson run` and `docker run` on the same engine; Caisson only. */
  readonly ownCommand: number | undefined;
}

async function measure(name: string, kind: EngineKind, docker: string, effort: Effort): Promise<Measured> {
  const engine = await RunningEngine.start(kind);
  try {
    const env = { DOCKER_HOST: engine.host };
    const { idle, perContainer } = await memory(engine, effort.crowd);
    const lives = await lifecycle(engine, effort.rounds);
    const run = await commandLine([docker, 'run', '--rm', '--network', 'none', 'busybox', 'true'], env, effort.commands);
    const execs = await exec(engine, effort.rounds);
    const bursts = await burst(engine, effort.burst);
    const own =
      kind.name === 'caisson'
        ? await commandLine([...caissonCommand(), '--host', engine.host, 'run', '--rm', '--network', 'none', 'busybox', 'true'], {}, effort.commands)
        : undefined;
    const phase = (each: Phase) => median(lives.map((life) => life[each]));
    return {
      name,
      figures: {
        lifecycle: median(lives.map((life) => PHASES.reduce((sum, each) => sum + life[each], 0))),
        run: median(run),
        exec: median(execs),
        burstStart: bursts.start,
        burstRemove: bursts.remove,
        perContainer,
        idle,
      },
      phases: { create: phase('create'), start: phase('start'), wait: phase('wait'), remove: phase('remove') },
      ownCommand: own === undefined ? undefined : median(own),
    };
  } finally {
    await engine.endDaemon('SIGTERM');
    await engine.discard();
  }
}

/** The engines that are here; a sentence for each that is not. */
function contestants(): { name: string; kind: EngineKind }[] {
  const [installed, unpacked] = [installedPeer(), unpackedPeer()];
  if (installed === undefined) console.log('Skipped: no /usr/sbin/dockerd here (apt-get install docker.io).');
  if (unpacked === undefined) {
    console.log('Skipped: no newer Docker Engine; DOCKER_PEER_DIR names a directory that ../shared/tools/newer-docker.sh filled.');
  }
  const peers = [installed, unpacked].filter((peer) => peer !== undefined);
  const own = process.argv.includes('--peers-only') ? [] : [{ name: 'Caisson', kind: { name: 'caisson' } as const }];
  return [...own, ...peers.map((peer) => ({ name: `dockerd ${peer.version}`, kind: { name: 'dockerd', peer } as const }))];
}

function comparison(measured: readonly Measured[], effort: Effort): string {
  const [own, ...peers] = measured;
  const withRatio = own?.ownCommand !== undefined && peers.length > 0;
  const header = ['figure (median)', ...measured.map(({ name }) => name), ...(withRatio ? ['best peer / Caisson', 'goal'] : [])];
  const rows = (Object.keys(FIGURES) as Figure[]).map((key) => {
    const { title, unit, goal } = FIGURES[key];
    const values = measured.map(({ figures }) => format(figures[key], unit));
    const best = Math.min(...peers.map(({ figures }) => figures[key]));
    const ratio = withRatio ? [`${(best / own.figures[key]).toFixed(1)} ×`, `${goal} ×`] : [];
    return [title.replace('N', String(effort.burst)), ...values, ...ratio];
  });
  return table([header, ...rows]);
}

async function main(): Promise<void> {
  const effort = process.argv.includes('--quick') ? QUICK : THOROUGH;
  const docker = dockerCommand();
  if (docker === undefined) throw new Error('The bench drives engines with the docker command, which is not here: apt-get install docker.io');
  const measured: Measured[] = [];
  for (const { name, kind } of contestants()) {
    console.log(`Measuring ${name} …`);
    measured.push(await measure(name, kind, docker, effort));
  }
  const floor = measureFloor(effort.rounds * 2);
  const alone = median(await commandLine([docker, '--version'], {}, effort.commands));

  console.log(`\n${comparison(measured, effort)}\n`);
  const phases = measured.map(({ name, phases: spans }) => [name, ...PHASES.map((phase) => format(spans[phase], 'ms'))]);
  console.log(`One life by call (median):\n${table([['', ...PHASES], ...phases])}\n`);
  console.log(`The kernel's floor for one isolated container (bench/floor.c): ${format(median(floor), 'ms')}`);
  console.log(`docker --version alone: ${format(alone, 'ms')}`);
  for (const { ownCommand, figures } of measured) {
    if (ownCommand !== undefined) console.log(`caisson run on Caisson: ${format(ownCommand, 'ms')}; docker run on Caisson: ${format(figures.run, 'ms')}`);
  }
}

await main();
