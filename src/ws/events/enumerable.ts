/** Accessors of a class are not listed by `for … in`; those of the interfaces of the WHATWG are. */
export function makeEnumerable(prototype: object, names: readonly string[]): void {
  for (const name of names) Object.defineProperty(prototype, name, { enumerable: true });
}
