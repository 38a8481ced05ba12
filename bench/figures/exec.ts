import { Client } from '../../test/support/http.ts';
import { remove, sleep, start } from '../containers.ts';
import type { Figure } from '../figure.ts';
import { timed } from '../statistics.ts';

/** exec of `true`: create, start attached until the stream ends, inspect for the exit code. */
export const exec: Figure = {
  name: 'exec',
  rows: { exec: { title: 'exec of true through the API', unit: 'ms', goal: 10 } },
  async measure({ engine }, { rounds }) {
    const client = engine.client();
    const id = await start(client, sleep);
    const samples = await timed(rounds, async () => {
      const created = await client.json<{ Id: string }>('POST', `/containers/${id}/exec`, { Cmd: ['true'], AttachStdout: true, AttachStderr: true });
      const stream = await Client.hijack(engine.socket, `/exec/${created.Id}/start`, { Detach: false, Tty: false });
      await stream.all();
      stream.socket.destroy();
      const { Running, ExitCode } = await client.json(`GET`, `/exec/${created.Id}/json`);
      if (Running === true || ExitCode !== 0) throw new Error(`exec of true: running ${Running}, exit code ${ExitCode}`);
    });
    await remove(client, id);
    client.close();
    return { exec: samples };
  },
};
