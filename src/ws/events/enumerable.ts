/** Makes accessors of a class enumerable, as those of WHATWG interfaces are. */
export function makeEnumerable(prototype: object, names: readonly string[]): void {
  for (const name of names) Object.defineProperty(prototype, name, { enumerable: true });
}
