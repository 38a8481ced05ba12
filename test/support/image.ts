/** The test image `busybox:latest`, for an engine that does not bring one: a root file system as a tar to import. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { busybox } from './paths.ts';
import { tar, type TarEntry } from './tar.ts';

const PASSWD = [
  'root:x:0:0:root:/root:/bin/sh',
  'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
  'bin:x:2:2:bin:/bin:/bin/false',
  'www-data:x:33:33:www-data:/var/www:/bin/false',
  'nobody:x:65534:65534:nobody:/home:/bin/false',
];
const GROUP = ['root:x:0:', 'daemon:x:1:', 'bin:x:2:', 'tty:x:5:', 'wheel:x:10:root', 'www-data:x:33:', 'nobody:x:65534:'];

/** A tar of busybox with its applet links and the usual directories. */
export function busyboxRoot(): Buffer {
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  const directories: TarEntry[] = ['bin', 'dev', 'etc', 'home', 'root', 'usr', 'usr/sbin', 'var', 'var/www'].map((name) => ({
    type: 'directory',
    name: `${name}/`,
  }));
  return tar([
    ...directories,
    { type: 'directory', name: 'tmp/', mode: 0o1777 },
    { type: 'file', name: 'bin/busybox', data: readFileSync(busybox), mode: 0o755 },
    ...applets.filter((name) => name !== 'busybox').map((name): TarEntry => ({ type: 'link', name: `bin/${name}`, target: 'bin/busybox' })),
    { type: 'file', name: 'etc/passwd', data: `${PASSWD.join('\n')}\n` },
    { type: 'file', name: 'etc/group', data: `${GROUP.join('\n')}\n` },
  ]);
}

/** What `docker import --change` takes to make it behave like the public image. */
export const busyboxChanges = ['ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'CMD ["sh"]'];
