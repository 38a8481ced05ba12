/** What a build is asked for, whichever way the client came in. */
import type { Platform } from '../../images/platform.ts';
import type { Image, ImageConfigJson, ProgressRecord } from '../../images/service.ts';
import type { RunSettings, Vertex } from '../graph/vertex.ts';

export interface FrontendOptions {
  /** Null: the client names the argument, and has no value for it. */
  readonly buildArgs: Readonly<Record<string, string | null>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Name or number of the last stage to build; empty for the last one there is. */
  readonly target: string;
  readonly platform: Platform | undefined;
  /** Network of `RUN`; empty for the default. */
  readonly network: string;
  readonly runSettings: RunSettings;
}

/** What the client has given a name that a Dockerfile uses. */
export type NamedContext =
  | { readonly kind: 'image'; readonly image: Image }
  /** `files` to copy from or to mount, and the same as the `tree` of a stage, with the configuration that belongs to it. */
  | { readonly kind: 'tree'; readonly files: Vertex; readonly tree: Vertex; readonly config: ImageConfigJson | undefined };

/** Undefined for a name that means what it says. */
export type ResolveContext = (name: string, platform: Platform | undefined) => Promise<NamedContext | undefined>;

/** Finds a base image, on this machine or in a registry, and tells of the transfer. Throws in the registry's words. */
export type ResolveImage = (name: string, platform: Platform | undefined, progress: (record: ProgressRecord) => void) => Promise<Image>;
