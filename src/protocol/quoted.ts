/**
 * `value` for an error message: of text at most 100 characters, with control characters escaped; of an object only that
 * it is one, because there may be a secret in it.
 */
export function quoted(value: unknown): string {
  if (typeof value === 'string') return value.length > 100 ? `${inQuotes(value.slice(0, 100))}…` : inQuotes(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? 'an array' : 'an object';
}

/**
 * Puts text in quotes, on one line, so that no terminal or log takes a part of it for a line of its own, or for a
 * command.
 */
export function inQuotes(text: string): string {
  return escaped(JSON.stringify(text));
}

/** JSON without the control characters and line separators that it may have. */
export function escaped(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
