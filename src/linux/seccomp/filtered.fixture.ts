/**
 * Run by `kernel.test.ts` as a process of its own: puts this thread under a filter and prints what some calls then
 * answer.
 */
import { defaultCapabilities } from '../capabilities.ts';
import { errnoName } from '../errno.ts';
import { addressOf, bindLibc, lastErrno } from '../ffi/libc.ts';
import { assembleSeccomp } from './assemble.ts';
import { defaultProfile } from './default-profile.ts';
import { resolveProfile } from './profile.ts';
import { nativeAbi, syscallTable } from './syscalls.ts';
import type { Seccomp } from './types.ts';

const { prctl } = bindLibc({ prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' } });
const { syscall } = bindLibc({ syscall: { args: ['i64', 'u64', 'u64', 'u64'], returns: 'i32' } });
const numbers = syscallTable(nativeAbi());
const call = (name: string, first: number, second = 0, third: number | bigint = 0) => syscall(numbers.get(name) as number, first, second, third);

const filter = resolveProfile(defaultProfile, { architecture: process.arch, kernelRelease: '6.1.0', capabilities: defaultCapabilities });
const code = new Uint8Array(65536);
const program = assembleSeccomp(filter as Seccomp);
code.set(program);
// struct sock_fprog
const descriptor = new DataView(new ArrayBuffer(4096));
descriptor.setUint16(0, program.length / 8, true);
descriptor.setBigUint64(8, addressOf(code), true);

const answers: string[] = [];
const answer = (result: number) => answers.push(result < 0 ? errnoName(lastErrno()) : 'done');
answer(prctl(38, 1, 0, 0, 0));
answer(call('seccomp', 1, 0, addressOf(new Uint8Array(descriptor.buffer))));
answer(call('getppid', 0));
answer(call('unshare', 0x20000000));
answer(call('clone3', 0));
answer(call('socket', 40, 1));
answer(call('personality', 0xffffffff));
answer(call('personality', 0x40000));
answer(syscall(5000, 0, 0, 0));
console.log(answers.join(' '));
