/** Options that contradict the network mode (moby runconfig/hostconfig_unix.go). */
import { invalidParameter } from '../../errors.ts';
import { parseAddress } from '../../network/addresses/ip.ts';
import { leastNetworkRate } from '../../network/network-rate.ts';
import type { ContainerConfig, HostConfig } from '../docker-types.ts';
import { parseMode } from './modes.ts';

function conflicting(what: string): never {
  throw invalidParameter(`conflicting options: ${what}`);
}

/** Throws invalid-parameter in Docker's words. */
export function validateNetworkMode(config: ContainerConfig, hostConfig: HostConfig): void {
  const { NetworkMode = '', Links, Dns, ExtraHosts, PortBindings, PublishAllPorts } = hostConfig;
  const mode = parseMode(NetworkMode);
  if (NetworkMode.startsWith('container:') && mode.kind !== 'container') {
    throw invalidParameter('invalid network mode: invalid container format container:<name|id>');
  }
  validatePorts(PortBindings ?? {});
  validateRate(hostConfig.NetworkRate ?? 0, mode.kind === 'container' || mode.kind === 'host');
  if (mode.kind === 'container') {
    if (config.Hostname) conflicting('hostname and the network mode');
    if (Links?.length)
      conflicting("container type network can't be used with links. This would result in undefined behavior");
    if (Dns?.length) conflicting('dns and the network mode');
    if (ExtraHosts?.length) conflicting('custom host-to-IP mapping and the network mode');
    if (Object.keys(PortBindings ?? {}).length > 0 || PublishAllPorts === true)
      conflicting('port publishing and the container type network mode');
    if (Object.keys(config.ExposedPorts ?? {}).length > 0)
      conflicting('port exposing and the container type network mode');
  }
  if ((mode.kind === 'container' || mode.kind === 'host') && config.MacAddress)
    conflicting('mac-address and the network mode');
  if (parseMode(hostConfig.UTSMode).kind === 'host' && config.Hostname) conflicting('hostname and the UTS mode');
  if (mode.kind === 'host' && Links?.length) {
    conflicting("host type networking can't be used with links. This would result in undefined behavior");
  }
}

/** It is a limit of the container's own interfaces. */
function validateRate(rate: number, isOthers: boolean): void {
  if (rate === 0) return;
  if (!Number.isSafeInteger(rate) || rate < leastNetworkRate) throw invalidParameter(`invalid network rate ${rate}: it is at least ${leastNetworkRate} bytes per second`);
  if (isOthers) conflicting('network rate and the network mode');
}

const isPort = (text: string): boolean => /^\d+$/.test(text) && Number(text) <= 65_535;

/** One port or a range, as `80` or `8000-8010`. */
function isPortRange(text: string): boolean {
  const [first = '', last] = text.split('-', 2);
  return isPort(first) && (last === undefined || (isPort(last) && Number(first) <= Number(last)));
}

function validatePorts(bindings: NonNullable<HostConfig['PortBindings']>): void {
  for (const [port, targets] of Object.entries(bindings)) {
    const number = port.split('/', 1)[0] ?? '';
    if (!isPort(number)) throw invalidParameter(`invalid port specification: ${JSON.stringify(number)}`);
    for (const { HostIp = '', HostPort = '' } of targets ?? []) {
      const [range = ''] = HostPort.split('/', 1);
      if (range !== '' && !isPortRange(range)) throw invalidParameter(`invalid port specification: ${JSON.stringify(HostPort)}`);
      // Docker publishes on all addresses what it cannot read: more than anybody asked for.
      if (HostIp !== '' && parseAddress(HostIp) === undefined) throw invalidParameter(`invalid IP address: ${HostIp}`);
    }
  }
}
