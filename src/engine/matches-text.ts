/** A part of the text, or a pattern that matches it, as Docker's filters take names. */
export function matchesText(text: string, value: string): boolean {
  if (text.includes(value)) return true;
  try {
    return new RegExp(value).test(text);
  } catch {
    return false;
  }
}
