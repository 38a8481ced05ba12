/** mount(2) and umount2(2) in the daemon's own mount namespace. */
import { bindLibc, checked, firstString, secondString, StringBuffer, SystemCallError, type PathLike } from './libc.ts';

const libc = bindLibc({
  mount: { args: ['ptr', 'ptr', 'ptr', 'u64', 'ptr'], returns: 'i32' },
  umount2: { args: ['ptr', 'i32'], returns: 'i32' },
});
const typeString = new StringBuffer();
const dataString = new StringBuffer();

/**
 * Mounts a file system, or changes a mount (`flags` as in `mountFlag`). `data` is at most 4095 bytes: the kernel copies
 * one page. Throws SystemCallError with the target's path.
 */
export function mount(source: PathLike, target: PathLike, type: string, flags: number, data = ''): void {
  const result = libc.mount(
    firstString.put(source, 'mount'), secondString.put(target, 'mount'), typeString.put(type, 'mount'), BigInt(flags),
    data === '' ? null : dataString.put(data, 'mount'),
  );
  checked(result, 'mount', target);
}

/** Flags of umount2(2). */
export const unmountFlag = { MNT_FORCE: 1, MNT_DETACH: 2, MNT_EXPIRE: 4, UMOUNT_NOFOLLOW: 8 } as const;

/** Unmounts; EINVAL is thrown when nothing is mounted there. */
export function unmount(path: PathLike, flags: number = unmountFlag.UMOUNT_NOFOLLOW): void {
  checked(libc.umount2(firstString.put(path, 'umount2'), flags), 'umount2', path);
}

/** Detaches what is mounted at a path, all of it; nothing mounted, or nothing there, is right. */
export function unmountIfMounted(path: PathLike): void {
  try {
    for (;;) unmount(path, unmountFlag.MNT_DETACH | unmountFlag.UMOUNT_NOFOLLOW);
  } catch (error) {
    if (!(error instanceof SystemCallError && (error.code === 'EINVAL' || error.code === 'ENOENT'))) throw error;
  }
}
