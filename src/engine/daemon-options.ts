/** What `caisson daemon` was asked for, as typed. */
import type { CollectorSettings } from './collector.ts';

export interface DaemonOptions {
  /** `unix://PATH`, at least one. */
  readonly hosts: readonly string[];
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly pidfile?: string;
  readonly debug: boolean;
  /** Parent of the containers' cgroups; by default `/caisson`, or one named after the exec root when that is not the usual one. */
  readonly cgroupParent?: string;
  /** `USER[:GROUP]`, `UID[:GID]` or `default`, with ranges from /etc/subuid and /etc/subgid. */
  readonly usernsRemap?: string;
  /** Interface of the default network; by default `caisson0`, or one named after the exec root when that is not the usual one. */
  readonly bridge?: string;
  /** Its address and the network's prefix length: `10.0.0.1/24`. */
  readonly bridgeAddress?: string;
  /** Where ports of containers on it are published that name no address; by default `0.0.0.0`, all. */
  readonly publishAddress?: string;
  /** `base=PREFIX,size=LENGTH`; empty: the usual ones. */
  readonly defaultAddressPools: readonly string[];
  /** Published ports are reached by way of the host's own input rules. */
  readonly respectInputRules: boolean;
  /** IP addresses that `host-gateway` stands for; empty: those of the default network's bridge. */
  readonly hostGateways: readonly string[];
  /** `host[:port]` or blocks of addresses; loopback addresses need not be named. */
  readonly insecureRegistries: readonly string[];
  /** Base URLs of mirrors of Docker Hub. */
  readonly registryMirrors: readonly string[];
  /** Directory of certificates and hosts.toml files, by registry. */
  readonly registryCertificates: string;
  /** When what nobody needs is collected; null: never. */
  readonly collector: CollectorSettings | null;
  /** How containers' roots are made; empty: chosen by what is there. */
  readonly storageDriver: string;
  /** Of the storage driver, each `NAME=VALUE`. */
  readonly storageOptions: readonly string[];
  /** `max-size`, `max-file`. */
  readonly logOptions: Readonly<Record<string, string>>;
}

/** Docker's, so that what is there for Docker serves here, too. */
export const defaultRegistryCertificates = '/etc/docker/certs.d';
export const defaultHost = 'unix:///run/caisson/caisson.sock';
export const defaultDataRoot = '/var/lib/caisson';
export const defaultExecRoot = '/run/caisson';
