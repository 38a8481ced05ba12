/** A filter as the OCI runtime specification describes it (`linux.seccomp`), as far as the kernel is concerned. */
export interface Seccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls?: readonly SyscallRule[];
}

export interface SyscallRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  /** All must hold; but two on the same argument are alternatives, as libseccomp's users have always had it. */
  readonly args?: readonly SyscallArgument[];
}

export interface SyscallArgument {
  /** 0 to 5 */
  readonly index: number;
  /** An unsigned 64-bit number. For SCMP_CMP_MASKED_EQ the mask. */
  readonly value: number | bigint;
  /** For SCMP_CMP_MASKED_EQ what the masked argument must be. */
  readonly valueTwo?: number | bigint;
  /** SCMP_CMP_EQ, NE, LT, LE, GT, GE, MASKED_EQ */
  readonly op: string;
}
