import { caissonCommand } from '../../test/support/engine.ts';
import { commandLine } from '../command-line.ts';
import type { Figure } from '../figure.ts';

const words = ['run', '--rm', 'busybox', 'true'];
const unconnected = ['run', '--rm', '--network', 'none', 'busybox', 'true'];

/** A container from a shell's prompt and back: on the engine's default network, and without one; with our own command on our engine. */
export const commandLines: Figure = {
  name: 'run',
  rows: {
    run: { title: 'docker run --rm busybox true', unit: 'ms', goal: 9 },
    unconnected: { title: '- the same with --network none', unit: 'ms' },
    alone: { title: '- docker --version: the command alone', unit: 'ms' },
    own: { title: 'caisson run --rm busybox true', unit: 'ms' },
  },
  async measure({ docker, engine }, { commands }) {
    const env = { DOCKER_HOST: engine.host };
    const isOurs = engine.kind.name === 'caisson';
    return {
      run: await commandLine([docker, ...words], env, commands),
      unconnected: await commandLine([docker, ...unconnected], env, commands),
      alone: await commandLine([docker, '--version'], {}, commands),
      ...(isOurs && { own: await commandLine([...caissonCommand(), '--host', engine.host, ...words], {}, commands) }),
    };
  },
};
