/**
 * Lets a class add private fields to a foreign object: `class Claimed extends Attachment { #claim; … }`. They are
 * invisible, and faster than a WeakMap, which each collection of young objects has to visit.
 */
export abstract class Attachment {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: the fields of the subclass are added to what is returned.
    return object as this;
  }
}
