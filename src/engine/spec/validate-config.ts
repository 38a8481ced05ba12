/**
 * What does not depend on the host: the container's own configuration (moby daemon/container.go
 * validateContainerConfig).
 */
import { posix } from 'node:path';
import { invalidParameter } from '../../errors.ts';
import { parseSignal } from '../../linux/signals.ts';
import type { ContainerConfig, HealthConfig } from '../docker-types.ts';

/** Throws invalid-parameter in Docker's words. */
export function validateConfig(config: ContainerConfig): void {
  const { WorkingDir = '', StopSignal = '' } = config;
  if (WorkingDir !== '' && !posix.isAbsolute(WorkingDir)) {
    throw invalidParameter(`the working directory '${WorkingDir}' is invalid, it needs to be an absolute path`);
  }
  if (StopSignal !== '') parseSignal(StopSignal);
  validateEnvironment(config.Env ?? []);
  validateHealthcheck(config.Healthcheck);
}

/** Every entry has a name. A NUL would end it early for the kernel. */
export function validateEnvironment(env: readonly string[]): void {
  for (const entry of env) {
    if (entry === '' || entry.startsWith('=') || entry.includes('\0'))
      throw invalidParameter(`invalid environment variable: ${entry}`);
  }
}

/** Nanoseconds; shorter than this is zero to Docker. */
const minimumDuration = 1_000_000;

function validateHealthcheck(healthcheck: HealthConfig | null | undefined): void {
  if (!healthcheck) return;
  for (const field of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const duration = healthcheck[field] ?? 0;
    if (duration !== 0 && duration < minimumDuration)
      throw invalidParameter(`${field} in Healthcheck cannot be less than 1ms`);
  }
  if ((healthcheck.Retries ?? 0) < 0) throw invalidParameter('Retries in Healthcheck cannot be negative');
}
