/** The instructions of a Dockerfile, parsed but with their variables still in them. */
import type { HealthConfig } from '../../images/healthcheck-change.ts';
import type { EscapeCharacter } from './directives.ts';
import type { Heredoc } from './heredoc.ts';

/** `RUN`, `CMD` and `ENTRYPOINT`: the exec form is a list, the shell form one word for the shell. */
export interface CommandLine {
  readonly form: 'exec' | 'shell';
  readonly words: readonly string[];
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** A file that is written in the Dockerfile itself. */
export interface InlineFile {
  readonly name: string;
  readonly text: string;
  readonly expand: boolean;
}

export interface CopyInstruction {
  readonly kind: 'copy' | 'add';
  readonly sources: readonly string[];
  readonly inlineFiles: readonly InlineFile[];
  readonly destination: string;
  /** Stage, image or named context; empty for the build's context. */
  readonly from: string;
  readonly chown: string;
  readonly chmod: string;
  readonly link: boolean;
  readonly parents: boolean;
  readonly excludes: readonly string[];
  /** ADD alone. */
  readonly keepGitDir: boolean;
  readonly checksum: string;
  /** Whether local archives are unpacked; undefined: as the instruction does. */
  readonly unpack: boolean | undefined;
}

export interface RunInstruction {
  readonly kind: 'run';
  readonly command: CommandLine;
  readonly heredocs: readonly Heredoc[];
  /** Values of `--mount`, not taken apart. */
  readonly mounts: readonly string[];
  readonly network: string;
  readonly security: string;
  readonly devices: readonly string[];
}

export type InstructionBody =
  | { readonly kind: 'from'; readonly base: string; readonly stage: string; readonly platform: string }
  | { readonly kind: 'arg'; readonly args: readonly { readonly key: string; readonly value: string | undefined }[] }
  | { readonly kind: 'env' | 'label'; readonly pairs: readonly KeyValue[] }
  | { readonly kind: 'maintainer'; readonly author: string }
  | CopyInstruction
  | RunInstruction
  | { readonly kind: 'cmd' | 'entrypoint'; readonly command: CommandLine }
  | { readonly kind: 'shell'; readonly shell: readonly string[] }
  | { readonly kind: 'expose'; readonly ports: readonly string[] }
  | { readonly kind: 'user'; readonly user: string }
  | { readonly kind: 'volume'; readonly paths: readonly string[] }
  | { readonly kind: 'workdir'; readonly path: string }
  | { readonly kind: 'stopsignal'; readonly signal: string }
  | { readonly kind: 'healthcheck'; readonly health: HealthConfig }
  | { readonly kind: 'onbuild'; readonly trigger: string };

export type InstructionKind = InstructionBody['kind'];

export type Instruction<Kind extends InstructionKind = InstructionKind> = Extract<InstructionBody, { kind: Kind }> & {
  /** As it is written, joined to one line. */
  readonly original: string;
  /** From 1. */
  readonly line: number;
  /** Of what continues it, here-documents too. */
  readonly endLine: number;
};

/** `FROM` and what belongs to it. */
export interface Stage {
  readonly from: Instruction<'from'>;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  /** `ARG` before the first `FROM`. */
  readonly globalArgs: readonly Instruction<'arg'>[];
  readonly stages: readonly Stage[];
  readonly escape: EscapeCharacter;
  /** The frontend that `# syntax=` asks for. */
  readonly syntax: string | undefined;
  readonly warnings: readonly string[];
}
