/** JSON with integers beyond 2^53 in it, which Go writes and reads as they are. */

/** Of TC39's JSON source text access, which the runtime has and the compiler's library has not. */
const { rawJSON } = JSON as typeof JSON & { readonly rawJSON: (text: string) => object };

/** One line; bigints become numbers. */
export function encodeNumbers(value: object): string {
  const exact = (_key: string, field: unknown): unknown => (typeof field === 'bigint' ? rawJSON(String(field)) : field);
  return `${JSON.stringify(value, exact)}\n`;
}
