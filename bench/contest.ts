/** The engines that are measured, all running at once in namespaces of their own, so that each figure is taken on all of them in turn. */
import { dockerCommand } from '../test/support/docker-command.ts';
import { RunningEngine, type EngineKind } from '../test/support/engine.ts';
import { installedPeer, unpackedPeer } from '../test/support/peers.ts';
import type { Contestant } from './figure.ts';

/** Starts Caisson (unless `peersOnly`) and the Docker Engines that are here; says so of each that is not. */
export async function startContest({ peersOnly = false } = {}): Promise<Contestant[]> {
  const docker = dockerCommand();
  if (docker === undefined) throw new Error('The bench drives engines with the docker command, which is not here: apt-get install docker.io');
  const contestants: Contestant[] = [];
  try {
    for (const { name, kind } of kinds(peersOnly)) {
      contestants.push({ name, docker, engine: await RunningEngine.start(kind, { bridge: true }) });
    }
  } catch (error) {
    await endContest(contestants);
    throw error;
  }
  return contestants;
}

export async function endContest(contestants: readonly Contestant[]): Promise<void> {
  for (const { engine } of contestants) {
    await engine.endDaemon('SIGTERM');
    await engine.discard();
  }
}

function kinds(peersOnly: boolean): { name: string; kind: EngineKind }[] {
  const [installed, unpacked] = [installedPeer(), unpackedPeer()];
  if (installed === undefined) console.log('Skipped: no /usr/sbin/dockerd here (apt-get install docker.io).');
  if (unpacked === undefined) {
    console.log('Skipped: no newer Docker Engine; DOCKER_PEER_DIR names a directory that ../shared/tools/newer-docker.sh filled.');
  }
  const peers = [installed, unpacked].filter((peer) => peer !== undefined);
  const own = peersOnly ? [] : [{ name: 'Caisson', kind: { name: 'caisson' } as const }];
  return [...own, ...peers.map((peer) => ({ name: `dockerd ${peer.version}`, kind: { name: 'dockerd', peer } as const }))];
}
