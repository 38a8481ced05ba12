/** The query parameter `platform` of image endpoints: an OCI platform as JSON. */
import { invalidParameter } from '../errors.ts';
import type { Platform } from '../images/platform.ts';
import { findJsonFault } from './json-syntax.ts';

/** Undefined when it is empty. Throws invalid-parameter in Docker's words. */
export function platformParameter(text: string): Platform | undefined {
  if (text === '') return undefined;
  const { os, architecture, variant } = parse(text);
  if (!isText(os) || !isText(architecture)) {
    throw invalidParameter('both OS and Architecture must be provided', { object: text });
  }
  return { os, architecture, variant: isText(variant) ? variant : '' };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    const fault = findJsonFault(text);
    if (fault.kind === 'syntax') throw invalidParameter(`failed to parse platform: ${fault.message}`, { object: text });
  }
  throw invalidParameter('failed to parse platform: it is not a JSON object', { object: text });
}
