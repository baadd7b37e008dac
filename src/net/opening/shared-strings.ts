/*
 * A request that is kept lives as long as its connection, with strings of its own for what thousands of requests have in
 * common: the names of headers, and what every browser sends. Equal strings become one.
 */

/** Headers whose values are the same in many requests, and are no secret. */
const COMMON = new Set([
  'accept-encoding',
  'accept-language',
  'cache-control',
  'connection',
  'host',
  'origin',
  'pragma',
  'sec-websocket-extensions',
  'sec-websocket-version',
  'upgrade',
  'user-agent',
]);

/** Strings that are kept, at most, and UTF-16 code units of each. */
const MOST = 1000;
const LONGEST = 256;

/** Each stands for all that are equal to it. */
const strings = new Map<string, string>();

/** Which spellings of a name are known, and whether values of that header are shared. */
const names = new Map<string, boolean>();

function shared(text: string): string {
  const present = strings.get(text);
  if (present !== undefined) return present;
  if (text.length > LONGEST) return text;
  // Somebody sends a new one each time. What is common comes back soon.
  if (strings.size >= MOST) strings.clear();
  strings.set(text, text);
  return text;
}

/** Whether the values of a header are shared; its name always is, if it is known. */
function isCommon(name: string): boolean | undefined {
  const known = names.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  const isKnown = COMMON.has(lower) || lower.startsWith('sec-') || lower === 'cookie' || lower === 'authorization';
  if (!isKnown || names.size >= MOST) return undefined;
  names.set(name, COMMON.has(lower));
  return COMMON.has(lower);
}

/** Makes the strings of a request's `rawHeaders` one with equal ones of other requests. */
export function shareStrings(rawHeaders: string[]): void {
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const isValueCommon = isCommon(rawHeaders[at]);
    if (isValueCommon === undefined) continue;
    rawHeaders[at] = shared(rawHeaders[at]);
    if (isValueCommon) rawHeaders[at + 1] = shared(rawHeaders[at + 1]);
  }
}
