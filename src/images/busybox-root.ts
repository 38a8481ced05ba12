/**
 * The root file system of the first image: what the public busybox image has, made from one static busybox binary.
 * Accounts and directories are those of Buildroot's skeleton, from which the public image takes them.
 */
import { encodeHeader, endOfArchive, type EntryToWrite, padding } from '../storage/tar/writer.ts';

const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`;

const groups = `root:0 daemon:1 bin:2 sys:3 adm:4 tty:5 disk:6 lp:7 mail:8 kmem:9 wheel:10 cdrom:11 dialout:18 floppy:19 video:28 audio:29
  tape:32 www-data:33 operator:37 utmp:43 plugdev:46 staff:50 lock:54 netdev:82 users:100 nobody:65534`;

const group = groups
  .split(/\s+/)
  .map((entry) => {
    const [name, id] = entry.split(':');
    return `${name}:x:${id}:${name === 'wheel' ? 'root' : ''}\n`;
  })
  .join('');

/** No account can be logged into with a password (CVE-2019-5021 was an image where root could). */
const shadow = passwd
  .split('\n')
  .filter(Boolean)
  .map((line) => `${line.split(':', 1)[0]}:*:::::::\n`)
  .join('');

const directories: readonly (readonly [name: string, mode: number, uid?: number, gid?: number])[] = [
  ['bin', 0o755],
  ['dev', 0o755],
  ['etc', 0o755],
  ['etc/network', 0o755],
  ['etc/network/if-down.d', 0o755],
  ['etc/network/if-post-down.d', 0o755],
  ['etc/network/if-pre-up.d', 0o755],
  ['etc/network/if-up.d', 0o755],
  ['home', 0o755, 65534, 65534],
  ['root', 0o700],
  ['tmp', 0o1777],
  ['usr', 0o755],
  ['usr/bin', 0o755],
  ['usr/sbin', 0o755, 1, 1],
  ['var', 0o755],
  ['var/spool', 0o755],
  ['var/spool/mail', 0o755, 8, 8],
  ['var/www', 0o755],
];

/** The layer's tar; the same binary gives the same bytes. `seconds` is the time of all files. */
export function busyboxRoot(busybox: Uint8Array, applets: readonly string[], seconds: number): Buffer {
  const mtime = { seconds, nanoseconds: 0 };
  const parts: Uint8Array[] = [];
  const add = (entry: EntryToWrite, content: Uint8Array = new Uint8Array(0)) =>
    parts.push(encodeHeader({ mtime, ...entry, size: content.length }), content, padding(content.length));
  const file = (name: string, mode: number, text: string) => add({ name, type: 'file', mode }, Buffer.from(text));
  for (const [name, mode, uid = 0, gid = 0] of directories)
    add({ name: `${name}/`, type: 'directory', mode, uid, gid });
  add({ name: 'bin/busybox', type: 'file', mode: 0o755 }, busybox);
  for (const applet of applets) add({ name: `bin/${applet}`, type: 'hard-link', mode: 0o755, linkName: 'bin/busybox' });
  add({ name: 'usr/bin/env', type: 'symlink', mode: 0o777, linkName: '../../bin/env' });
  file('etc/group', 0o644, group);
  file('etc/passwd', 0o644, passwd);
  file('etc/shadow', 0o600, shadow);
  return Buffer.concat([...parts, endOfArchive]);
}

/**
 * The applets of a busybox binary, read from its table of names: NUL-terminated, in strcmp order, beginning with `[`
 * and `[[` (busybox include/applet_tables.h). Empty when there is no such table.
 */
export function appletsOf(busybox: Uint8Array): string[] {
  const bytes = Buffer.from(busybox.buffer, busybox.byteOffset, busybox.length);
  const table = bytes.indexOf('\0[\0[[\0');
  const applets: string[] = [];
  if (table === -1) return applets;
  for (let at = table + 1; ;) {
    const end = bytes.indexOf(0, at);
    const name = bytes.toString('latin1', at, end === -1 ? at : end);
    if (!/^[a-z0-9[][a-z0-9[._-]*$/i.test(name) || name <= (applets.at(-1) ?? '')) break;
    applets.push(name);
    at = end + 1;
  }
  return applets;
}
