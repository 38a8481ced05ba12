/** The root file system of the machine: an ext4 image with this checkout, built, and the few programs that its tests start. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { dockerCommand } from '../support/docker-command.ts';
import { apiSpecification, busybox, checkout } from '../support/paths.ts';
import type { Peer } from '../support/peers.ts';
import type { Kernel } from './kernel.ts';
import { inLoadOrder } from './modules.ts';

/** Room for what the tests write. The file is sparse. */
const SIZE = 4 * 2 ** 30;

/** What the tests need of the kernel that is not built into it. */
const MODULES = [
  'overlay', 'bridge', 'veth', 'nf_tables', 'nft_ct', 'nft_chain_nat', 'nft_nat', 'nft_masq', 'nft_fib_inet',
  'macvlan', 'ipvlan', '8021q', 'dummy', 'sctp', 'sch_tbf', 'loop', 'xfs', 'quota_v2',
];

/** Programs of the host that tests start; busybox stands for all others. */
const PROGRAMS = ['unshare', 'nsenter', 'setpriv', 'mkfs.ext4'];

/** Those without which tests are skipped. */
const OPTIONAL_PROGRAMS = ['mkfs.xfs'];

/** What a dockerd starts, where that is the engine under test. */
const PEER_PROGRAMS = ['docker-proxy', 'containerd', 'containerd-shim-runc-v2', 'runc', 'docker-init'];

/** Everything of the checkout that its integration tests read or start. */
const PARTS = ['caisson', 'package.json', 'tsconfig.json', 'scripts', 'src', 'test', 'build/caisson', 'native/build/caisson-shim'];

/** Large packages that no test loads. */
const LEFT_OUT = /^(\.|oxlint|typescript|@oxlint|@typescript)/;

const FILES = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  '/etc/group': 'root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n',
  '/etc/hosts': '127.0.0.1\tlocalhost\n::1\tlocalhost\n',
  '/etc/resolv.conf': 'nameserver 192.0.2.53\n',
};

const LINKS = { bin: 'usr/bin', sbin: 'usr/bin', 'usr/sbin': 'bin', lib64: 'usr/lib64' };

const DIRECTORIES = ['dev', 'proc', 'sys', 'run', 'root', 'var', 'etc', 'usr/bin', 'usr/lib', 'usr/lib64', 'usr/local/bin', 'lib/modules', 'caisson'];

/** Copies a file or tree to the same path below `root`, or to another. */
function copy(root: string, from: string, to = from): void {
  const target = path.join(root, to);
  mkdirSync(path.dirname(target), { recursive: true });
  cpSync(from, target, { recursive: true, dereference: true });
}

/** The shared libraries of a program, as the loader finds them; none for a static one. */
function libraries(program: string): string[] {
  try {
    return execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).match(/\/\S+/g) ?? [];
  } catch {
    return [];
  }
}

function addProgram(root: string, file: string, to: string): void {
  rmSync(path.join(root, to), { force: true });
  copy(root, realpathSync(file), to);
  for (const library of libraries(file)) if (!existsSync(path.join(root, library))) copy(root, library);
}

/** The file of a program, as a shell with this PATH finds it. */
const find = (name: string, searchPath = process.env.PATH): string =>
  execFileSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8', env: { PATH: searchPath } }).trim();

function addPrograms(root: string): void {
  copyFileSync(busybox, path.join(root, 'usr/bin/busybox'));
  for (const applet of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')) {
    if (applet !== 'busybox') symlinkSync('busybox', path.join(root, 'usr/bin', applet));
  }
  for (const name of PROGRAMS) addProgram(root, find(name), `/usr/bin/${name}`);
  for (const name of OPTIONAL_PROGRAMS) if (Bun.which(name) !== null) addProgram(root, find(name), `/usr/bin/${name}`);
  addProgram(root, dockerCommand() as string, '/usr/local/bin/docker');
}

/** A real Docker Engine, as if it were installed. */
function addPeer(root: string, { dockerd, searchPath }: Peer): void {
  addProgram(root, dockerd, '/usr/bin/dockerd');
  for (const name of PEER_PROGRAMS) addProgram(root, find(name, searchPath), `/usr/bin/${name}`);
}

function addCheckout(root: string): void {
  const inside = (part: string) => path.join('/caisson/checkout', part);
  for (const part of PARTS) copy(root, path.join(checkout, part), inside(part));
  const packages = path.join(checkout, 'node_modules');
  for (const name of readdirSync(packages).filter((each) => !LEFT_OUT.test(each))) copy(root, path.join(packages, name), inside(`node_modules/${name}`));
  // The same as bun.exe, which is 100 MB.
  rmSync(path.join(root, inside('node_modules/bun/bin/bunx.exe')), { force: true });
  for (const library of libraries(process.execPath)) if (!existsSync(path.join(root, library))) copy(root, library);
  if (existsSync(apiSpecification)) copy(root, apiSpecification, inside(path.relative(checkout, apiSpecification)));
}

function addModules(root: string, kernel: Kernel): void {
  const files = inLoadOrder(kernel.modules, MODULES);
  for (const file of files) copy(root, file, path.join('/lib/modules', path.basename(file)));
  writeFileSync(path.join(root, 'lib/modules/order'), files.map((file) => `${path.basename(file)}\n`).join(''));
}

/** Makes the image `file`; `stage` is a directory for it to be put together in, which is removed again. With a `peer` it has that, too. */
export function makeImage(file: string, stage: string, kernel: Kernel, peer?: Peer): void {
  for (const directory of DIRECTORIES) mkdirSync(path.join(stage, directory), { recursive: true });
  mkdirSync(path.join(stage, 'tmp'));
  chmodSync(path.join(stage, 'tmp'), 0o1777);
  for (const [link, target] of Object.entries(LINKS)) symlinkSync(target, path.join(stage, link));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(path.join(stage, name), text);
  addPrograms(stage);
  addCheckout(stage);
  if (peer !== undefined) addPeer(stage, peer);
  addModules(stage, kernel);
  copy(stage, path.join(import.meta.dirname, 'init.sh'), '/init');
  writeFileSync(file, '');
  truncateSync(file, SIZE);
  // Without a journal: nobody mounts it a second time.
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', '-E', 'root_owner=0:0', '-d', stage, file], { stdio: ['ignore', 'ignore', 'inherit'] });
  rmSync(stage, { recursive: true });
}
