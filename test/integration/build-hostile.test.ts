/** Dockerfiles that want to reach the host: links where builds write, mount points that are moved away, descriptors as directories. */
import { expect } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build, file } from '../support/build.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const { subject, it, needs } = useEngine();
const itHere = requires(...needs, 'caisson');

const archive = tar([file('from-archive', 'x')]);
const context = [file('one', '1'), file('a.tar', archive)];

/** A directory of the host with a file and an empty directory; whatever a Dockerfile does with its path must leave it so. */
function outside(): string {
  const root = path.join(subject.engine.scratch, 'outside');
  mkdirSync(path.join(root, 'empty'), { recursive: true });
  writeFileSync(path.join(root, 'secret'), 'secret');
  return root;
}

function expectUntouched(root: string): void {
  expect(readdirSync(root).sort()).toEqual(['empty', 'secret']);
  expect(readdirSync(path.join(root, 'empty'))).toEqual([]);
  expect(readFileSync(path.join(root, 'secret'), 'utf8')).toBe('secret');
}

const outcome = async (dockerfile: string): Promise<string> => {
  const answer = await build(subject.engine.socket, dockerfile, context, { nocache: '1' });
  return answer.error?.message ?? (answer.status === 200 ? answer.records.join('') : answer.message);
};

it('writes through no link of an image to the host', async () => {
  const root = outside();
  const link = `FROM busybox\nRUN ln -s ${root} /link && ln -s ../../../../../../../..${root} /climbing && ln -s /proc/1/root${root} /magic\n`;
  for (const name of ['link', 'climbing', 'magic']) {
    for (const step of [`COPY one /${name}/`, `COPY one /${name}/secret`, `ADD a.tar /${name}/`, `WORKDIR /${name}/made`, `COPY --from=0 /etc/passwd /${name}/empty/`])
      await outcome(`FROM busybox\n${link}${step}\n`);
  }
  expectUntouched(root);
});

it('reads nothing of the host through links of a stage', async () => {
  const root = outside();
  for (const target of [`${root}/secret`, `../../../../../../../../..${root}/secret`, `/proc/1/root${root}/secret`]) {
    const said = await outcome(`FROM busybox AS a\nRUN ln -s ${target} /link\nFROM busybox\nCOPY --from=a /link /copied\nRUN cat /copied\n`);
    expect(said).toContain('file does not exist');
  }
  expectUntouched(root);
});

itHere('mounts nothing outside of the root, whatever the way to the target is', async () => {
  const root = outside();
  for (const mount of ['type=cache', 'type=tmpfs', 'type=bind,source=one', 'type=bind,source=one,rw']) {
    for (const target of ['/link/made', '/link/empty', '/link/secret', '/link'])
      await outcome(`FROM busybox\nRUN ln -s ${root} /link\nRUN --mount=${mount},target=${target} touch ${target}/x; true\n`);
  }
  expectUntouched(root);
});

/** CVE-2024-23652: what was made to be mounted on is removed afterwards, and the way there may be another by then. */
itHere('removes mount points of the image alone, when a command has moved them away', async () => {
  const root = outside();
  const said = await outcome(`FROM busybox\nRUN --mount=type=cache,target=/way/empty --mount=type=cache,id=2,target=/way/secret mv /way /moved && ln -s ${root} /way && echo moved\n`);
  expect(said).toContain('moved');
  expectUntouched(root);
});

/** CVE-2024-23651: a cache is mounted as a whole, so that a command beside it cannot exchange a part of it for a link. */
itHere('takes no part of a cache, and follows no link that a command has left in one', async () => {
  const root = outside();
  expect(await outcome('FROM busybox\nRUN --mount=type=cache,target=/c,id=parts,source=sub true\n')).toContain('source= without from=');
  const said = await outcome(`FROM busybox\nRUN --mount=type=cache,target=/c,id=links rm -rf /c/link; ln -s ${root} /c/link\n`
    + 'RUN --mount=type=cache,target=/c,id=links touch /c/link/x; cat /c/link/secret; true\n'
    + 'RUN --mount=type=cache,target=/c,id=links --mount=type=cache,target=/c/link/inner touch /c/link/inner/y; true\n');
  expect(said).not.toContain('secret\n ');
  expectUntouched(root);
  // What a cache begins with is looked up inside the stage.
  expect(await outcome(`FROM busybox AS a\nRUN ln -s ${root} /seed\nFROM busybox\nRUN --mount=type=cache,target=/c,from=a,source=/seed ls /c\n`)).toContain('no such file or directory');
});

/** CVE-2024-21626: a descriptor that is left open leads out, by its name in /proc. */
it('enters no descriptor of the daemon’s as a working directory', async () => {
  const root = outside();
  const steps = Array.from({ length: 20 }, (_, number) => number + 3).map((number) => `FROM busybox AS s${number}\nWORKDIR /proc/self/fd/${number}\nRUN ls -d ../../../../../..${root} && echo ESCAPED; true\n`);
  for (const step of steps) expect(await outcome(step)).not.toContain('\nESCAPED');
  expectUntouched(root);
});

/** CVE-2024-23653: nothing in a Dockerfile gives a step more than it has. */
itHere('gives no privileges to a step that asks for them', async () => {
  for (const flag of ['--security=insecure', '--device=vendor.com/class=x', '--network=host']) expect(await outcome(`FROM busybox\nRUN ${flag} true\n`)).toMatch(/not allowed|not supported/);
});

itHere('keeps what two steps write into copies of the same files apart', async () => {
  const step = (name: string) => `FROM busybox AS ${name}\nRUN --mount=type=bind,target=/x,rw --mount=type=cache,target=/meet,id=meet echo ${name} > /x/one; touch /meet/${name}; `
    + `until [ -e /meet/left ] && [ -e /meet/right ]; do sleep 0.01; done; cat /x/one > /${name}\n`;
  const answer = await build(subject.engine.socket, `${step('left')}${step('right')}FROM busybox\nCOPY --from=left /left /\nCOPY --from=right /right /\nRUN cat /left /right\n`, context);
  expect(answer.error).toBeUndefined();
  expect(answer.records.join('')).toContain('left\nright\n');
  expect(existsSync(path.join(subject.engine.dataRoot, 'build'))).toBe(true);
});

leavesNothingBehind(subject);
