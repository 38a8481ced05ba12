/** The event bus behind `GET /events`: a bounded past, and live subscribers. */
import { invalidParameter } from '../errors.ts';
import type { EventMessage, Filters } from './engine.ts';
import { nowNanoseconds, parseBound } from './timestamps.ts';

/** As many past events as Docker keeps. */
const pastLimit = 256;
/** A subscriber further behind than this is cut off, so that one that never reads cannot fill the memory. */
const backlogLimit = 100_000;

type Subscriber = (event: EventMessage) => void;

export interface EventQuery {
  readonly since: string;
  readonly until: string;
  readonly filters: Filters;
  readonly signal: AbortSignal;
}

export class EventBus {
  readonly #past: EventMessage[] = [];
  readonly #subscribers = new Set<Subscriber>();

  /** Publishes a container, image or volume event at the current time. */
  publish(type: string, action: string, id: string, attributes: Readonly<Record<string, string>>): void {
    const nanoseconds = nowNanoseconds();
    const legacy = type === 'container' ? { status: action, id, from: attributes['image'] ?? '' } : type === 'image' ? { status: action, ...(id === '' ? {} : { id }) } : {};
    const event: EventMessage = {
      ...legacy,
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      scope: 'local',
      time: Number(nanoseconds / 1_000_000_000n),
      timeNano: Number(nanoseconds),
    };
    this.#past.push(event);
    if (this.#past.length > pastLimit) this.#past.shift();
    for (const subscriber of this.#subscribers) subscriber(event);
  }

  /** Past events from `since` on, then live ones until `until` or the signal. Subscribes before it returns. */
  subscribe(query: EventQuery): AsyncIterable<EventMessage> {
    const since = bound(query.since, 'since');
    const until = bound(query.until, 'until');
    const wanted = (event: EventMessage) => matchesFilters(event, query.filters);
    const backlog = since === undefined && until === undefined
      ? []
      : this.#past.filter((event) => wanted(event) && within(event, since, until));
    return this.#stream(backlog, until, wanted, query.signal);
  }

  #stream(backlog: EventMessage[], until: bigint | undefined, wanted: (event: EventMessage) => boolean, signal: AbortSignal) {
    const queue = backlog;
    let wake: (() => void) | undefined;
    let ended = until !== undefined && until <= nowNanoseconds();
    const subscriber: Subscriber = (event) => {
      if (!wanted(event)) return;
      if (queue.length >= backlogLimit) return finish();
      queue.push(event);
      wake?.();
    };
    const finish = () => {
      ended = true;
      this.#subscribers.delete(subscriber);
      wake?.();
    };
    const timer = until === undefined || ended ? undefined : setTimeout(finish, Number((until - nowNanoseconds()) / 1_000_000n));
    if (!ended) this.#subscribers.add(subscriber);
    signal.addEventListener('abort', finish);
    async function* run() {
      try {
        for (;;) {
          const event = queue.shift();
          if (event) yield event;
          else if (ended) return;
          else await new Promise<void>((resolve) => { wake = resolve; });
        }
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        finish();
      }
    }
    return run();
  }
}

function bound(text: string, name: string): bigint | undefined {
  const value = parseBound(text);
  if (value === 'invalid') throw invalidParameter(`invalid value for ${name}: ${text}`);
  return value;
}

function within(event: EventMessage, since: bigint | undefined, until: bigint | undefined): boolean {
  const at = BigInt(event.timeNano);
  return (since === undefined || at >= since) && (until === undefined || at <= until);
}

/** Docker's event filters: values of one key are alternatives, keys must all match. */
export function matchesFilters(event: EventMessage, filters: Filters): boolean {
  const attributes = event.Actor.Attributes;
  const byActor = (type: string, values: readonly string[]) => event.Type === type
    && values.some((value) => event.Actor.ID.startsWith(value) || attributes['name'] === value.replace(/^\//, ''));
  for (const [key, values] of Object.entries(filters)) {
    if (values.length === 0) continue;
    const matches = {
      event: () => values.some((value) => event.Action === value || event.Action.startsWith(`${value}:`)),
      type: () => values.includes(event.Type),
      scope: () => values.includes(event.scope),
      container: () => byActor('container', values),
      volume: () => byActor('volume', values),
      network: () => byActor('network', values),
      daemon: () => byActor('daemon', values),
      image: () => values.some((value) => [event.Type === 'image' ? event.Actor.ID : '', attributes['image'], attributes['name']]
        .some((name) => name !== undefined && (name === value || name === `${value}:latest` || name.split(':')[0] === value))),
      label: () => values.every((value) => matchesLabel(attributes, value)),
    }[key];
    if (matches && !matches()) return false;
  }
  return true;
}

/** `key` or `key=value` against a set of labels. */
export function matchesLabel(labels: Readonly<Record<string, string>>, filter: string): boolean {
  const equals = filter.indexOf('=');
  if (equals < 0) return Object.hasOwn(labels, filter);
  return labels[filter.slice(0, equals)] === filter.slice(equals + 1);
}
