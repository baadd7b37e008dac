import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { Attachment } from '../../../src/net/opening/attachment.js';

class Labelled extends Attachment {
  readonly #label: string;

  constructor(object: object, label: string) {
    super(object);
    this.#label = label;
  }

  static labelOf(object: object): string | undefined {
    return #label in object ? object.#label : undefined;
  }
}

test('an object of somebody else gets private fields, which nobody sees', () => {
  const object = Object.freeze({ name: 'theirs' });
  new Labelled(object, 'ours');
  expect(Labelled.labelOf(object)).toBe('ours');
  expect(Labelled.labelOf({ name: 'theirs' })).toBeUndefined();
  expect(Reflect.ownKeys(object)).toEqual(['name']);
  expect(inspect(object, { showHidden: true })).toBe("{ name: 'theirs' }");
});
