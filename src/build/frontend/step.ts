/** What becomes of an instruction: a tree and a configuration. */
import type { Image, ImageConfigJson } from '../../images/service.ts';
import type { Vertex } from '../graph/vertex.ts';
import type { RunConfig } from './run-config.ts';

export interface Step {
  /** The instruction as it is written; empty for a trigger of the base image. */
  readonly text: string;
  readonly line: number;
  readonly endLine: number;
  /** `config`: nothing but the configuration changes. */
  readonly kind: 'config' | 'run' | 'copy' | 'directory';
  /** The tree after it. */
  readonly tree: Vertex;
  readonly config: RunConfig;
  readonly author: string;
  /** The same with its variables replaced, for people who watch. */
  readonly shown: string;
  /** For the history of an image that BuildKit's way makes: `COPY a b # buildkit`. */
  readonly summary: string;
  /** For the image's history; `%CONTENT%` stands for what is known when the sources have been read. */
  readonly createdBy: string;
  /** Lines to tell the user before it runs. */
  readonly notes: readonly string[];
}

export type StageBase =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'image'; readonly image: Image }
  /** What the client has given this name; undefined: files alone. */
  | { readonly kind: 'tree'; readonly tree: Vertex; readonly config: ImageConfigJson | undefined }
  | { readonly kind: 'stage'; readonly stage: PlannedStage };

export interface PlannedStage {
  readonly index: number;
  readonly name: string;
  /** The instruction as it is written. */
  readonly text: string;
  readonly base: StageBase;
  /** Steps of the base image's triggers come first. */
  readonly triggers: readonly Step[];
  readonly steps: readonly Step[];
  /** Why the plan ends before the stage does, and the instruction that is to blame. */
  readonly failure: { readonly text: string; readonly line: number; readonly endLine: number; readonly error: unknown; readonly at: 'from' | 'step' } | undefined;
  readonly tree: Vertex;
  readonly config: RunConfig;
}

/** What stands for the digest of the copied content in `createdBy`. */
export const contentMark = '%CONTENT%';

/** Ids as people see them. */
export const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);
