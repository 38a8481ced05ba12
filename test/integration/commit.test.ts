/** docker commit: what becomes of a container's files and configuration. */
import { expect } from 'bun:test';
import { Client } from '../support/http.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it } = useEngine();

interface ImageDetails {
  readonly Id: string;
  readonly Parent: string;
  readonly Author: string;
  readonly Comment: string;
  readonly Config: Record<string, unknown>;
  readonly RootFS: { readonly Layers: readonly string[] };
  readonly Size: number;
}

const image = (name: string) => subject.api.json<ImageDetails>('GET', `/images/${name}/json`);
const inImage = (name: string, command: string) => subject.output('run', '--rm', name, 'sh', '-c', command);

it('keeps what was added, changed and removed, with owners, modes and links', async () => {
  const script = [
    'mkdir -p /made/dir && chmod 750 /made && echo text > /made/file && chown 33:33 /made/file && chmod 4711 /made/file',
    'ln -s file /made/soft && ln /made/file /made/hard && mknod /made/null c 1 3',
    'rm /etc/group && rm -r /var/www && mkdir /var/www && touch /var/www/new && echo more >> /etc/passwd',
  ].join(' && ');
  await subject.output('run', '--name', 'writer', 'busybox', 'sh', '-c', script);
  await subject.output('commit', 'writer', 'written:1');
  expect(await inImage('written:1', 'stat -c "%a %u:%g %h %s" /made/file; stat -c %a /made; readlink /made/soft; stat -c "%F %t,%T" /made/null'))
    .toBe('4711 33:33 2 5\n750\nfile\ncharacter special file 1,3');
  expect(await inImage('written:1', 'ls /etc/group; ls -A /var/www; tail -n 1 /etc/passwd; ls /bin/busybox')).toBe('new\nmore\n/bin/busybox');
  await subject.output('rm', 'writer');
});

it('makes an opaque directory of one that replaced another', async () => {
  await subject.output('run', '--name', 'opaque', 'busybox', 'sh', '-c', 'rm -r /usr && mkdir /usr && touch /usr/only');
  await subject.output('commit', 'opaque', 'opaque:1');
  expect(await inImage('opaque:1', 'ls /usr')).toBe('only');
  await subject.output('rm', 'opaque');
});

it('takes nothing of what the engine puts into every container', async () => {
  await subject.output('run', '--name', 'plain', '--hostname', 'given', '--tmpfs', '/scratch', 'busybox', 'sh', '-c', 'echo x > /scratch/x; echo y > /kept');
  const id = await subject.output('commit', 'plain');
  expect(await inImage(id, 'cat /kept; ls -A /scratch; grep given /etc/hostname /etc/hosts || echo none')).toBe('y\nnone');
  await subject.output('rm', 'plain');
});

it('has the image as its parent, and the parent cannot go before it', async () => {
  await subject.output('tag', 'busybox', 'parent:1');
  await subject.output('create', '--name', 'child', 'parent:1');
  const id = await subject.output('commit', '-a', 'an author', '-m', 'a comment', 'child', 'child:1');
  const busybox = await image('busybox');
  expect(await image('child:1')).toMatchObject({ Id: id, Parent: busybox.Id, Author: 'an author', Comment: 'a comment' });
  await subject.output('rm', 'child');
  const refused = await subject.api.request('DELETE', `/images/${busybox.Id}?force=1`);
  expect([refused.status, refused.body.toString()]).toEqual([409,
    `{"message":"conflict: unable to delete ${busybox.Id.slice(7, 19)} (cannot be forced) - image has dependent child images"}\n`]);
  const history = await subject.api.json<{ Id: string; Comment: string; Tags: string[] | null }[]>('GET', '/images/child:1/history');
  expect(history[0]).toMatchObject({ Id: id, Comment: 'a comment', Tags: ['child:1'] });
  expect(history[1]?.Id).toBe(busybox.Id);
  await subject.output('rmi', 'child:1', 'parent:1');
});

it('adds no layer when nothing was written', async () => {
  await subject.output('create', '--name', 'idle', 'busybox');
  await subject.output('commit', 'idle', 'idle:1');
  expect((await image('idle:1')).RootFS.Layers).toEqual((await image('busybox')).RootFS.Layers);
  await subject.output('rm', 'idle');
});

it('merges the configuration: the changes, the body of the request, the container', async () => {
  const flags = ['--env', 'E=1', '--label', 'l=m', '--stop-signal', 'SIGUSR1', '--workdir', '/tmp', '--expose', '80'];
  await subject.output('create', '--name', 'configured', ...flags, 'busybox', 'sleep', '1');
  await subject.output('commit', '-c', 'CMD ["new"]', '-c', 'ENV PATH=/usr/bin:$PATH', '-c', 'LABEL l=n', 'configured', 'changed:1');
  expect((await image('changed:1')).Config).toMatchObject({
    Cmd: ['new'], Labels: { l: 'n' }, StopSignal: 'SIGUSR1', WorkingDir: '/tmp', ExposedPorts: { '80/tcp': {} },
    Env: ['E=1', 'PATH=/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  });
  const body = { Cmd: ['of', 'body'], Env: ['E=2', 'F=3'], Labels: { q: 'r' }, ExposedPorts: { '99/udp': {} }, User: 'nobody', Entrypoint: ['entry'] };
  await subject.api.json('POST', '/commit?container=configured&repo=bodied&tag=1', body);
  expect((await image('bodied:1')).Config).toMatchObject({
    Cmd: ['of', 'body'], Entrypoint: ['entry'], User: 'nobody', Labels: { l: 'm', q: 'r' }, WorkingDir: '/tmp',
    Env: ['E=2', 'F=3', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ExposedPorts: { '80/tcp': {}, '99/udp': {} },
  });
  await subject.output('rm', 'configured');
});

it('pauses a running container meanwhile, unless told not to, and tells', async () => {
  const id = await subject.output('run', '-d', '--name', 'paused', 'busybox', 'sleep', '1000');
  const now = () => ((performance.timeOrigin + performance.now()) / 1000).toFixed(6);
  const since = now();
  await subject.output('commit', 'paused', 'paused:1');
  await subject.output('commit', '--pause=false', 'paused', 'paused:2');
  const query = `since=${since}&until=${now()}&filters=${encodeURIComponent('{"type":["container","image"]}')}`;
  const events = (await subject.api.request('GET', `/events?${query}`)).body.toString().trim().split('\n')
    .map((line) => JSON.parse(line) as { Type: string; Action: string; Actor: { ID: string; Attributes: Record<string, string> } });
  expect(events.map(({ Type, Action }) => `${Type} ${Action}`)).toEqual([
    'container pause', 'image create', 'image tag', 'container commit', 'container unpause', 'image create', 'image tag', 'container commit',
  ]);
  expect(events[3]?.Actor).toMatchObject({ ID: id, Attributes: { comment: '', imageRef: 'paused:1', imageID: (await image('paused:1')).Id } });
  expect(await subject.inspect('paused', '{{.State.Status}}')).toBe('running');
  await subject.output('rm', '-f', 'paused');
});

it('refuses in Docker’s words', async () => {
  await subject.output('create', '--name', 'refused', 'busybox');
  const images = await subject.output('images', '-aq');
  const answer = async (query: string) => {
    const { status, body } = await subject.api.request('POST', `/commit?${query}`);
    return [status, (JSON.parse(body.toString()) as { message: string }).message];
  };
  expect(await answer('container=nobody')).toEqual([404, 'No such container: nobody']);
  expect(await answer('container=refused&repo=Bad')).toEqual([400, 'invalid reference format: repository name (library/Bad) must be lowercase']);
  expect(await answer('container=refused&repo=x&tag=a%20b')).toEqual([400, 'invalid tag format']);
  expect(await answer(`container=refused&repo=x@sha256:${'0'.repeat(64)}`)).toEqual([400, 'cannot import digest reference']);
  expect(await answer('container=refused&changes=RUN%20x')).toEqual([400, 'RUN is not a valid change command']);
  const wrongType = await subject.api.request('POST', '/commit?container=refused', 'x');
  expect([wrongType.status, wrongType.body.toString()]).toEqual([400,
    `{"message":"unsupported Content-Type header (application/x-tar): must be 'application/json'"}\n`]);
  expect(await subject.output('images', '-aq')).toBe(images);
  await subject.output('rm', 'refused');
});

it('commits a container whose files are changing', async () => {
  await subject.output('run', '-d', '--name', 'busy', 'busybox', 'sh', '-c', 'while :; do echo $RANDOM > /f$((i++ % 50)); rm -f /f$((i % 50)); done');
  for (const round of [1, 2, 3]) await subject.output('commit', '--pause=false', 'busy', `busy:${round}`);
  expect(await inImage('busy:3', 'echo alive')).toBe('alive');
  await subject.output('rm', '-f', 'busy');
});

it('works beside the container’s end and removal', async () => {
  await subject.output('run', '-d', '--name', 'ending', 'busybox', 'sh', '-c', 'dd if=/dev/zero of=/large bs=1M count=40 2>/dev/null; sleep 1000');
  const [committed, killed] = await Promise.all([
    new Client(subject.engine.socket).request('POST', '/commit?container=ending&repo=ending'),
    new Client(subject.engine.socket).request('DELETE', '/containers/ending?force=1'),
  ]);
  expect([201, 404, 409]).toContain(committed.status);
  expect([204, 409]).toContain(killed.status);
  expect((await subject.docker('ps', '-aq', '--filter', 'name=ending')).stdout).toBe('');
});

leavesNothingBehind(subject);
