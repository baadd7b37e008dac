import type { Random } from '../model/random.mjs' with { 'resolution-mode': 'import' };

const WORDS = [
  'id',
  'name',
  'price',
  'true',
  'false',
  'null',
  'user',
  'order',
  'Zürich',
  '東京',
  'message',
  'the',
  'of',
];

type Maker = (random: Random, size: number) => Buffer;

/** What messages are made of, from what shrinks well to what does not shrink at all. */
const MAKERS: readonly (readonly [weight: number, make: Maker])[] = [
  [4, json],
  [2, words],
  [2, repetitive],
  [1, (random, size) => Buffer.alloc(size, random.below(256))],
  [2, randomBytes],
  [1, fewSymbols],
  [1, mixed],
];

/** Bytes for a message of exactly `size` bytes. */
export function newData(random: Random, size: number): Buffer {
  const make = random.weighted(MAKERS) as Maker;
  return make(random, size);
}

export function randomBytes(random: Random, size: number): Buffer {
  const bytes = Buffer.alloc(size + 4);
  for (let at = 0; at < size; at += 4) bytes.writeInt32LE(random.below(2 ** 32) | 0, at);
  return bytes.subarray(0, size);
}

function json(random: Random, size: number): Buffer {
  let text = '';
  while (text.length < size) {
    const word = random.of(WORDS);
    text += `{"id":${random.below(100_000)},"${random.of(WORDS)}":"${word}","t":${random.below(1000) / 8}},`;
  }
  return Buffer.from(text).subarray(0, size);
}

function words(random: Random, size: number): Buffer {
  let text = '';
  while (text.length < size) text += `${random.of(WORDS)} `;
  return Buffer.from(text).subarray(0, size);
}

/** Something that comes again and again, from nearby and from far. */
function repetitive(random: Random, size: number): Buffer {
  const period = randomBytes(
    random,
    random.of([1, 2, 3, 7, 64, 255, 256, 257, 258, 259, 1000, 32_767, 32_768, 32_769]),
  );
  return Buffer.alloc(size, period);
}

/** Bytes of which few are frequent: long codes. */
function fewSymbols(random: Random, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at++) bytes[at] = Math.clz32(random.below(2 ** 32)) * 7;
  return bytes;
}

function mixed(random: Random, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let left = size; left > 0; ) {
    const part = newData(random, Math.min(left, random.between(1, 400)));
    parts.push(part);
    left -= part.length;
  }
  return Buffer.concat(parts);
}

/** Sizes of messages: small ones for the most part, and at times one that is `large`. */
export function newSize(random: Random, large: number): number {
  const most = random.weighted([
    [4, 40],
    [8, 600],
    [3, 5000],
    [1, large],
  ]) as number;
  return random.below(most + 1);
}
