/** Writes small ustar archives, well-formed or hostile: images to import, and what an attacker would send. */

export type TarEntry =
  | { readonly type: 'file'; readonly name: string; readonly data: Uint8Array | string; readonly mode?: number }
  | { readonly type: 'directory'; readonly name: string; readonly mode?: number }
  | { readonly type: 'symlink' | 'link'; readonly name: string; readonly target: string };

const FLAGS = { file: '0', link: '1', symlink: '2', directory: '5' } as const;
const DEFAULT_MODES = { file: 0o644, link: 0o777, symlink: 0o777, directory: 0o755 } as const;

function header(entry: TarEntry, size: number): Buffer {
  const block = Buffer.alloc(512);
  const mode = 'mode' in entry && entry.mode !== undefined ? entry.mode : DEFAULT_MODES[entry.type];
  const octal = (value: number, at: number, width: number) => block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at);
  block.write(entry.name, 0, 100);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(1_700_000_000, 136, 12);
  block.write('        ', 148);
  block.write(FLAGS[entry.type], 156);
  if ('target' in entry) block.write(entry.target, 157, 100);
  block.write('ustar\u000000', 257);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** The entries in the order given; owner 0:0, one fixed time. Names and targets of up to 100 bytes, unchecked. */
export function tar(entries: readonly TarEntry[]): Buffer {
  const blocks: Buffer[] = [];
  for (const entry of entries) {
    const data = entry.type === 'file' ? Buffer.from(entry.data as Uint8Array) : Buffer.alloc(0);
    blocks.push(header(entry, data.length), data, Buffer.alloc((512 - (data.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
