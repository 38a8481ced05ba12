/** A plan as lines for people: what the kernel is asked to do, in order, and why. */
import { operations } from './operations.ts';
import type { Operation, Plan } from './operations.ts';

export interface PlanLine {
  readonly section: 'prepare' | 'clone' | 'init' | 'host' | 'release';
  readonly index: number;
  readonly operation: string;
  /** `field=value`, empty strings and zeros left out, long values shortened. */
  readonly fields: string;
  readonly reason: string;
}

/** Every operation of the plan, in the order in which the sections begin. */
export function describePlan(plan: Plan): PlanLine[] {
  const sections = [
    ['prepare', plan.prepare], ['clone', [plan.clone]], ['init', plan.init], ['host', plan.host], ['release', plan.release],
  ] as const;
  return sections.flatMap(([section, list]) =>
    list.map((operation, index) => ({
      section,
      index,
      operation: operation.name,
      fields: describeFields(operation),
      reason: operation.reason,
    })));
}

/** The plan as text: a heading per section, one operation a line, reasons aligned behind it. */
export function formatPlan(plan: Plan): string {
  const lines = describePlan(plan);
  const out: string[] = [];
  let section = '';
  for (const line of lines) {
    if (line.section !== section) out.push(`${(section = line.section)}:`);
    const call = line.fields === '' ? line.operation : `${line.operation} ${line.fields}`;
    out.push(`  ${call.padEnd(72)}  # ${line.reason}`);
  }
  return `${out.join('\n')}\n`;
}

/** The fields of one operation, as `describePlan` shows them. */
export function describeFields(operation: Operation): string {
  const values = operation as unknown as Record<string, unknown>;
  return Object.keys(operations[operation.name].fields)
    .map((name) => [name, describeValue(name, values[name])] as const)
    .filter(([, text]) => text !== '')
    .map(([name, text]) => `${name}=${text}`)
    .join(' ');
}

const hexFields = new Set(['flags', 'attributes', 'propagation', 'type', 'keep', 'effective', 'permitted', 'inheritable', 'ambient']);
const octalFields = new Set(['mode', 'mask']);

function describeValue(name: string, value: unknown): string {
  if (value === undefined || value === '' || value === 0 || value === 0n) return '';
  if (typeof value === 'string') return /^[^\s"]+$/.test(value) ? shorten(value) : JSON.stringify(shorten(value));
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (Array.isArray(value)) return value.length === 0 ? '' : shorten(JSON.stringify(value));
  if (octalFields.has(name)) return `0${(value as number).toString(8)}`;
  if (hexFields.has(name)) return `0x${(value as number | bigint).toString(16)}`;
  return (value as number | bigint).toString();
}

const shorten = (text: string) => (text.length <= 160 ? text : `${text.slice(0, 157)}...`);
