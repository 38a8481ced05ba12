/**
 * Docker's public API description (Swagger 2.0) as a validator of answers. Swagger knows no null; Docker's description marks
 * fields with `x-nullable`, and Go sends null for empty slices and maps, so both are allowed where they are.
 */
import Ajv, { type ValidateFunction } from 'ajv';
import { YAML } from 'bun';
import { readFileSync } from 'node:fs';
import { apiSpecification } from './paths.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What of a Swagger schema JSON Schema understands, with Docker's nulls let in. */
function toJsonSchema(value: Json): Json {
  if (Array.isArray(value)) return value.map(toJsonSchema);
  if (!isObject(value)) return value;
  const { 'x-nullable': nullable, example: _example, format: _format, discriminator: _discriminator, ...rest } = value;
  const schema: JsonObject = {};
  for (const [key, child] of Object.entries(rest)) if (!key.startsWith('x-') || key === 'x-ms') schema[key] = toJsonSchema(child);
  const collection = schema.type === 'array' || (schema.type === 'object' && schema.additionalProperties !== undefined);
  if (nullable !== true && !collection) return schema;
  return { anyOf: [{ type: 'null' }, schema] };
}

/** Fields that Docker Engine 28 itself sends as null (OomKillDisable on cgroup version 2), although its description does not say so. */
const SENT_AS_NULL = /\/(MemorySwappiness|OomKillDisable|ExitCode)$/;

/** `properties: {type: …}` is a property called type, not a schema keyword: schemas are found by where they stand. */
export class ApiDescription {
  readonly #paths: JsonObject;
  readonly #ajv = new Ajv({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #definitions: Json;

  constructor() {
    const document = YAML.parse(readFileSync(apiSpecification, 'utf8')) as JsonObject;
    this.#paths = document.paths as JsonObject;
    this.#definitions = toJsonSchema(document.definitions as Json);
  }

  /** The statuses that a route may answer with. */
  statuses(method: string, route: string): number[] {
    return Object.keys(this.#responses(method, route)).map(Number);
  }

  #responses(method: string, route: string): JsonObject {
    const operation = (this.#paths[route] as JsonObject | undefined)?.[method.toLowerCase()];
    if (!isObject(operation)) throw new Error(`the description has no ${method} ${route}`);
    return operation.responses as JsonObject;
  }

  /** What is wrong with an answer's body, a sentence each. */
  problems(method: string, route: string, status: number, body: unknown): string[] {
    const key = `${method} ${route} ${status}`;
    const validate = this.#validators.get(key) ?? this.#compile(method, route, status);
    this.#validators.set(key, validate);
    if (validate(body)) return [];
    const errors = (validate.errors ?? []).filter(({ instancePath, message }) => !(SENT_AS_NULL.test(instancePath) && /^must be (integer|boolean)$/.test(message ?? '')));
    return errors.map(({ instancePath, message, params }) => `${key}: ${instancePath || '/'} ${message} ${JSON.stringify(params)}`);
  }

  #compile(method: string, route: string, status: number): ValidateFunction {
    const response = this.#responses(method, route)[String(status)];
    if (!isObject(response)) throw new Error(`${method} ${route} may not answer ${status}`);
    const schema = toJsonSchema(response.schema ?? {});
    return this.#ajv.compile({ ...(isObject(schema) ? schema : {}), definitions: this.#definitions });
  }
}
