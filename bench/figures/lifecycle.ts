import { create } from '../containers.ts';
import type { Figure } from '../figure.ts';
import { timed } from '../statistics.ts';

/** create + start + wait + remove of `true`, and what each call takes of it. */
export const lifecycle: Figure = {
  name: 'lifecycle',
  rows: {
    life: { title: 'API create+start+wait+remove of true, no network', unit: 'ms', goal: 20 },
    create: { title: '- create', unit: 'ms' },
    start: { title: '- start', unit: 'ms' },
    wait: { title: '- wait', unit: 'ms' },
    remove: { title: '- remove', unit: 'ms' },
  },
  async measure({ engine }, { rounds }) {
    const client = engine.client();
    const calls = { create: [] as number[], start: [] as number[], wait: [] as number[], remove: [] as number[] };
    const life = await timed(rounds, async () => {
      const marks = [performance.now()];
      const mark = () => marks.push(performance.now());
      const id = await create(client, ['true']);
      mark();
      await client.json('POST', `/containers/${id}/start`);
      mark();
      await client.json('POST', `/containers/${id}/wait`);
      mark();
      await client.json('DELETE', `/containers/${id}`);
      mark();
      for (const [index, call] of Object.values(calls).entries()) call.push((marks[index + 1] ?? NaN) - (marks[index] ?? NaN));
    });
    client.close();
    return { life, ...calls };
  },
};
