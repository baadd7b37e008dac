import { Buffer } from 'node:buffer';

/*
 * A request that is kept lives as long as its connection, with strings of its own for what thousands of requests have in
 * common: the names of headers, and what every browser sends. Equal strings become one.
 */

/** Headers that are common, and whether their values are: the same in many requests, and no secret. */
const COMMON: ReadonlyMap<string, boolean> = new Map([
  ['accept-encoding', true],
  ['accept-language', true],
  ['authorization', false],
  ['cache-control', true],
  ['connection', true],
  ['cookie', false],
  ['host', true],
  ['origin', true],
  ['pragma', true],
  ['sec-websocket-extensions', true],
  ['sec-websocket-key', false],
  ['sec-websocket-protocol', false],
  ['sec-websocket-version', true],
  ['upgrade', true],
  ['user-agent', true],
]);

/** The most strings to keep, and the most UTF-16 code units of each. */
const MOST = 1000;
const LONGEST = 256;

/** Each stands for all that are equal to it. */
const strings = new Map<string, string>();

/** `COMMON` by the spellings that were seen. */
const spellings = new Map<string, boolean>();

/** Copies a string. If it was cut from the head of a request, it would keep that head alive, secrets included. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/**
 * Keeps an entry. If there are too many, a client sends new ones each time, and all are dropped. Common ones come back
 * soon.
 */
function keep<Value>(entries: Map<string, Value>, key: string, value: Value): void {
  if (entries.size >= MOST) entries.clear();
  entries.set(key, value);
}

function shared(text: string): string {
  if (text.length > LONGEST) return text;
  const present = strings.get(text);
  if (present !== undefined) return present;
  const own = flat(text);
  keep(strings, own, own);
  return own;
}

/** Whether the values of a header are shared; `undefined` if its name is not common either. */
function isCommon(name: string): boolean | undefined {
  const known = spellings.get(name);
  if (known !== undefined) return known;
  const common = COMMON.get(name.toLowerCase());
  if (common !== undefined) keep(spellings, flat(name), common);
  return common;
}

const addresses = new Map<string, string>();

/** Makes the address of a peer one with equal ones: behind a proxy, all peers have the proxy's. */
export function shareAddress(address: string): string {
  const present = addresses.get(address);
  if (present !== undefined) return present;
  keep(addresses, address, address);
  return address;
}

/** Makes the strings of a request's `rawHeaders`, Latin-1, one with equal ones of other requests. */
export function shareStrings(rawHeaders: string[]): void {
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const isValueCommon = isCommon(rawHeaders[at]);
    if (isValueCommon === undefined) continue;
    rawHeaders[at] = shared(rawHeaders[at]);
    if (isValueCommon) rawHeaders[at + 1] = shared(rawHeaders[at + 1]);
  }
}
