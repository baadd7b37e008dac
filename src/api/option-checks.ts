/** Reads own properties only, so that a polluted prototype changes no option. */
export function own<T extends object, K extends keyof T>(object: T, key: K): T[K] | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** @throws TypeError, RangeError with the value, if it is neither a whole number nor `Infinity` */
export function whole(name: string, value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, not ${show(value)}`);
  if (!Number.isInteger(value) && value !== Number.POSITIVE_INFINITY) {
    throw new RangeError(`${name} must be a whole number or Infinity, not ${show(value)}`);
  }
  return value;
}

/** @throws TypeError with the value, if it is neither `undefined` nor one of `among` */
export function choice<T>(name: string, value: T | undefined, among: readonly unknown[]): T | undefined {
  if (value === undefined || among.includes(value)) return value;
  throw new TypeError(`${name} must be one of ${among.map(show).join(', ')}, not ${show(value)}`);
}

/** Default `false`. @throws TypeError with the value, if it is not a boolean */
export function flag(name: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new TypeError(`${name} must be true or false, not ${show(value)}`);
}

/** Formats a value of the user for an error message. */
export function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
