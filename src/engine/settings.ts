/** What a daemon was started with, and what it found on its host. */
import type { CollectorSettings } from './collector.ts';
import type { RegistrySettings } from '../images/registry/endpoints.ts';
import type { OciIdMapping } from '../runtime/oci.ts';

/** Bounds of a container's log when it does not set its own: logs never fill a disk unnoticed. */
export interface LogBounds {
  /** Bytes; 0 is without limit. */
  readonly maxSize: number;
  readonly maxFiles: number;
}

/** The daemon's `--userns-remap`: ids of every container without `--userns host`. */
export interface UserNamespaceRemap {
  readonly uidMappings: readonly OciIdMapping[];
  readonly gidMappings: readonly OciIdMapping[];
}

export interface EngineSettings {
  readonly version: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  /** Parent of all containers' cgroups, such as `/caisson`. */
  readonly cgroupParent: string;
  /** The file that `--init` binds into a container. */
  readonly initBinary: string;
  readonly log: LogBounds;
  readonly usernsRemap: UserNamespaceRemap | null;
  /** Published ports are reached by way of the host's own input rules. */
  readonly respectInputRules: boolean;
  /** What `host-gateway` stands for; empty: the addresses of the default network's bridge. */
  readonly hostGateways: readonly string[];
  readonly registries: RegistrySettings;
  readonly debug: boolean;
  /** Null: nothing is collected. */
  readonly collector: CollectorSettings | null;
  /** Empty: chosen by what is there. */
  readonly storageDriver: string;
  /** Of the storage driver, each `NAME=VALUE`. */
  readonly storageOptions: readonly string[];
}
