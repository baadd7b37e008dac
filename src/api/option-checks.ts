import { quoted } from '../protocol/quoted.js';

/** Reads own properties only, so that a polluted prototype changes no option. */
export function own<T extends object, K extends keyof T>(object: T, key: K): T[K] | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** @throws TypeError, RangeError with the value, if it is neither a whole number nor `Infinity` */
export function whole(name: string, value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, not ${quoted(value)}`);
  if (!Number.isInteger(value) && value !== Number.POSITIVE_INFINITY) {
    throw new RangeError(`${name} must be a whole number or Infinity, not ${quoted(value)}`);
  }
  return value;
}

/** @throws TypeError with the value, if it is neither `undefined` nor one of `among` */
export function choice<T>(name: string, value: T | undefined, among: readonly unknown[]): T | undefined {
  if (value === undefined || among.includes(value)) return value;
  throw new TypeError(`${name} must be one of ${among.map(quoted).join(', ')}, not ${quoted(value)}`);
}

/** Default `false`. @throws TypeError with the value, if it is not a boolean */
export function flag(name: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new TypeError(`${name} must be true or false, not ${quoted(value)}`);
}

/**
 * Checks a duration of the user, in milliseconds. 0 and `Infinity` both become 0, off.
 *
 * @throws TypeError, RangeError with the value, if it is invalid
 */
export function checkDuration(name: string, value: unknown, byDefault: number): number {
  if (value === undefined) return byDefault;
  const number = whole(name, value);
  if (number < 0) throw new RangeError(`${name} must be 0 (off) or more milliseconds, not ${quoted(value)}`);
  // An infinite wait needs no deadline.
  return number === Number.POSITIVE_INFINITY ? 0 : number;
}

/** @throws TypeError with the value, if it is not a rule */
function rule<T>(name: string, value: T): T {
  const patterns: readonly unknown[] = Array.isArray(value) ? value : [value];
  const wrong = patterns.filter((pattern) => typeof pattern !== 'string' && !(pattern instanceof RegExp));
  if (value === undefined || typeof value === 'function' || wrong.length === 0) return value;
  const what = Array.isArray(value) ? `an array with ${quoted(wrong[0])}` : quoted(value);
  throw new TypeError(`${name} must be a string, a RegExp, an array of these or a function, not ${what}`);
}

/** @throws TypeError with the value, if it is not a rule, or has a string that nothing can equal */
export function possible<T>(name: string, value: T, fault: (pattern: string) => string | undefined): T {
  rule(name, value);
  for (const pattern of [value].flat() as unknown[]) {
    const wrong = typeof pattern === 'string' ? fault(pattern) : undefined;
    if (wrong !== undefined) throw new TypeError(`${name} can never match ${quoted(pattern)}: ${wrong}`);
  }
  return value;
}

/** @throws TypeError with the value, if it is neither `undefined` nor of the given type */
export function checkType(name: string, value: unknown, type: 'string' | 'boolean' | 'function'): void {
  if (value === undefined || typeof value === type) return;
  throw new TypeError(`${name} must be a ${type}, not ${quoted(value)}`);
}

/** @throws TypeError with the value, if `path` is not a `PathRule` */
export function checkPath(path: unknown): void {
  rule('path', path);
  const strings = [path].flat().filter((pattern) => typeof pattern === 'string');
  const wrong = strings.find((pattern) => !pattern.startsWith('/'));
  if (wrong !== undefined) throw new TypeError(`path must begin with "/", not ${quoted(wrong)}`);
  const route = strings.find((pattern) => /\/:\w|\*/.test(pattern));
  if (route === undefined) return;
  throw new TypeError(
    `path knows no patterns such as ${quoted(route)}: pass a RegExp, or leave it out if a router decides`,
  );
}

/**
 * Copies the own properties of options, without what a polluted prototype adds.
 *
 * @throws TypeError if it is not an object
 */
export function ownOptions<T extends object>(options: T): T {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`options must be an object, not ${quoted(options)}`);
  return Object.assign(Object.create(null), options);
}
