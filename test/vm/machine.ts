/** The machine itself: QEMU with two processors, one disk and two serial lines. Nothing of it reaches a network. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

export const QEMU = 'qemu-system-x86_64';

export interface Boot {
  readonly kernel: string;
  readonly disk: string;
  /** Where the kernel's messages go. */
  readonly console: string;
  /** Arguments and environment of its first process; the kernel knows no quoting. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** How long it may run. */
  readonly minutes: number;
}

/**
 * `init_on_alloc=0 mitigations=off`: emulation pays dearly for what protects real machines. A kernel that panics ends the machine,
 * as it may not start a second time.
 */
const KERNEL_PARAMETERS = 'root=/dev/nvme0n1 rw init=/init console=ttyS0 loglevel=4 panic=-1 init_on_alloc=0 mitigations=off';

function argumentsOf({ kernel, disk, console, args, env }: Boot): string[] {
  // What the kernel does not know itself it hands to its first process.
  const words = [KERNEL_PARAMETERS, ...Object.entries(env).map(([name, value]) => `${name}=${value}`), '--', ...args];
  const accelerator = existsSync('/dev/kvm') ? 'kvm' : 'tcg,thread=multi';
  return [
    ['-machine', 'q35', '-accel', accelerator, '-cpu', 'max,la57=off', '-smp', '2', '-m', '3G'],
    ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ['-kernel', kernel, '-append', words.join(' ')],
    // NVMe and ext4 are built into the kernel: it needs no initramfs. What the tests write may be lost with the machine.
    ['-drive', `if=none,id=root,format=raw,cache=unsafe,file=${disk}`, '-device', 'nvme,serial=root,drive=root'],
    ['-serial', `file:${console}`, '-chardev', 'stdio,id=tests,signal=off', '-serial', 'chardev:tests'],
  ].flat();
}

/** Runs it to its end with its second serial line shown as it comes; answers what that said. */
export async function runMachine(boot: Boot): Promise<string> {
  const machine = spawn(QEMU, argumentsOf(boot), { stdio: ['ignore', 'pipe', 'inherit'], timeout: boot.minutes * 60_000, killSignal: 'SIGKILL' });
  const stop = (): void => void machine.kill('SIGKILL');
  process.on('exit', stop);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  let said = '';
  machine.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    process.stdout.write(text);
  });
  const [code, signal] = (await once(machine, 'close')) as [number | null, string | null];
  process.off('exit', stop);
  if (code !== 0) console.log(`\nThe machine ended with ${code ?? signal}${signal === 'SIGKILL' ? `, perhaps after ${boot.minutes} minutes` : ''}.`);
  return said;
}

/** Runs it with its second serial line as a terminal, for people. */
export async function talkToMachine(boot: Boot): Promise<void> {
  await once(spawn(QEMU, argumentsOf(boot), { stdio: 'inherit' }), 'close');
}
