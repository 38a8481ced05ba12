/** The query parameter `filters`, in both its forms: `{"label":["a"]}` and Docker's older `{"label":{"a":true}}`. */
import type { Filters } from '../engine/engine.ts';
import { invalidParameter } from '../errors.ts';

const containerStates = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];

/** Which filters an endpoint takes: Docker refuses others, so that a typing error does not select everything. */
export const acceptedFilters = {
  containers: [
    'ancestor', 'before', 'exited', 'expose', 'health', 'id', 'isolation', 'is-task', 'label', 'name', 'network',
    'publish', 'since',
    'status', 'volume',
  ],
  containersPrune: ['label', 'label!', 'until'],
  images: ['before', 'dangling', 'label', 'reference', 'since', 'until'],
  imagesPrune: ['dangling', 'label', 'label!', 'until'],
  networks: ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'],
  networksPrune: ['label', 'label!', 'until'],
  volumes: ['dangling', 'driver', 'label', 'name'],
  volumesPrune: ['all', 'label', 'label!'],
} as const satisfies Record<string, readonly string[]>;

/**
 * Parses `text`; empty means no filters. `accepted` undefined accepts any name.
 * @throws invalid-parameter
 */
export function parseFilters(text: string, accepted?: readonly string[]): Filters {
  if (text === '') return {};
  const parsed = parseJson(text);
  if (parsed === null) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw invalidParameter('invalid filter');
  // No prototype: a filter may be named like a property of Object.
  const filters: Record<string, readonly string[]> = Object.create(null);
  for (const [name, value] of Object.entries(parsed)) filters[name] = valuesOf(value);
  if (accepted !== undefined) checkNames(filters, accepted);
  return filters;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidParameter('invalid filter');
  }
}

function valuesOf(value: unknown): readonly string[] {
  if (value === null) return [];
  if (Array.isArray(value)) {
    if (!value.every((item) => typeof item === 'string')) throw invalidParameter('invalid filter');
    return value;
  }
  if (typeof value !== 'object' || !Object.values(value).every((item) => typeof item === 'boolean')) {
    throw invalidParameter('invalid filter');
  }
  return Object.keys(value);
}

function checkNames(filters: Filters, accepted: readonly string[]): void {
  for (const name of Object.keys(filters)) {
    if (!accepted.includes(name)) throw invalidParameter(`invalid filter '${name}'`);
  }
  for (const state of filters['status'] ?? []) {
    if (containerStates.includes(state)) continue;
    const reason = `invalid value for state (${state}): must be one of ${containerStates.join(', ')}`;
    throw invalidParameter(`invalid filter 'status=${state}': ${reason}`);
  }
}
