/** Whether the kernel mounts overlays on a data root: the only way to know is to try. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { mount, unmountIfMounted } from '../linux/ffi/mounts.ts';

/** Why it does not; undefined when it does. Leaves nothing. */
export function overlayRefusal(dataRoot: string): string | undefined {
  const scratch = mkdtempSync(`${dataRoot}/overlay-check-`);
  const place = (name: string) => `${scratch}/${name}`;
  try {
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(place(name));
    // Like the options of a root; a read-only overlay would be allowed on more file systems.
    mount('overlay', place('merged'), 'overlay', 0, `lowerdir=${option(place('lower'))},upperdir=${option(place('upper'))},workdir=${option(place('work'))}`);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    unmountIfMounted(place('merged'));
    rmSync(scratch, { recursive: true, force: true });
  }
}

const option = (path: string): string => path.replaceAll(/[\\,:]/g, '\\$&');
