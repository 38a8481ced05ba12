/** Anonymous files in memory: a plan, or the helper's executable, handed to a child without a path on disk. */
import { closeSync, writeSync } from 'node:fs';
import { errno as errnos } from '../errno.ts';
import { bindLibc, checked, fail, firstString, lastErrno, syscallNumber } from './libc.ts';

const { syscall } = bindLibc({ syscall: { args: ['i64', 'ptr', 'u32'], returns: 'i32' } });
const { fcntl } = bindLibc({ fcntl: { args: ['i32', 'i32', 'u64'], returns: 'i32' } });
const numberOfMemfdCreate = syscallNumber(319, 279);

const mfdCloexec = 1;
const mfdAllowSealing = 2;
const mfdExec = 0x10;
const fAddSeals = 1033;
/** F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE. */
const allSeals = 1 | 2 | 4 | 8;

/** Kernels before 6.3 refuse MFD_EXEC; every memfd of theirs can be executed. */
let knowsMfdExec = true;

/**
 * A close-on-exec memfd with `content`, sealed: nobody that gets the descriptor can change it. `name` is what /proc
 * shows. `executable` allows execve on it. The offset is at the end of the content: read with pread, or mmap.
 */
export function sealedMemfd(name: string, content: Uint8Array, options: { readonly executable?: boolean } = {}): number {
  const fd = create(name, options.executable === true);
  try {
    for (let written = 0; written < content.length; ) written += writeSync(fd, content, written, content.length - written);
    checked(fcntl(fd, fAddSeals, allSeals), 'fcntl F_ADD_SEALS', name);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

function create(name: string, executable: boolean): number {
  const pointer = firstString.put(name, 'memfd_create');
  const flags = mfdCloexec | mfdAllowSealing;
  if (executable && knowsMfdExec) {
    const fd = syscall(numberOfMemfdCreate, pointer, flags | mfdExec);
    if (fd >= 0) return fd;
    if (lastErrno() !== errnos.EINVAL) fail('memfd_create', name);
    knowsMfdExec = false;
  }
  return checked(syscall(numberOfMemfdCreate, pointer, flags), 'memfd_create', name);
}
