/** The text that Docker puts beside the numbers of a progress record (pkg/jsonmessage). */

/** Characters of the bar. */
const width = 50;

/** `[=====>     ]  1.2MB/12MB`, of bytes. */
export function progressBar(current: number, total: number): string {
  const done = Math.min(width, Math.floor(Math.floor((current / total) * 100) / 2)) || 0;
  const bar = `[${'='.repeat(done)}>${' '.repeat(width - done)}] `;
  const numbers = current > total ? humanSize(current).padStart(8) : `${humanSize(current).padStart(8)}/${humanSize(total)}`;
  return bar + numbers;
}

/** Four digits, powers of a thousand (go-units HumanSize). */
function humanSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return `${Number(size.toPrecision(4))}${units[unit]}`;
}

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
