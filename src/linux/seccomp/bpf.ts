/** Classic BPF as seccomp filters use it (linux/filter.h, linux/bpf_common.h). */

/**
 * Instruction codes. Only those that the kernel can run in advance to learn which calls are always allowed (since
 * 5.11).
 */
export const bpf = {
  /** A = 32-bit word of struct seccomp_data at offset k. */
  LD_W_ABS: 0x20,
  JA: 0x05,
  JEQ: 0x15,
  JGT: 0x25,
  JGE: 0x35,
  AND: 0x54,
  RET: 0x06,
} as const;

/** Offsets in struct seccomp_data (linux/seccomp.h), little-endian. */
export const seccompData = {
  number: 0,
  arch: 4,
  argumentLow: (index: number) => 16 + 8 * index,
  argumentHigh: (index: number) => 20 + 8 * index,
} as const;

/** The kernel takes no longer program (BPF_MAXINSNS). */
export const maxInstructions = 4096;

/** A struct sock_filter: a conditional jump skips `jt` instructions when true, `jf` when false. */
export interface BpfInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

export const instruction = (code: number, k: number, jt = 0, jf = 0): BpfInstruction => ({ code, jt, jf, k });

/** The program as the kernel takes it: 8 bytes an instruction. */
export function encodeBpf(program: readonly BpfInstruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * 8));
  program.forEach(({ code, jt, jf, k }, index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  });
  return new Uint8Array(view.buffer);
}
