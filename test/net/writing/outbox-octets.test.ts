import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SCRATCH_SIZE, WINDOW_START } from '../../../src/codec/memory-map.js';
import { codec } from '../../../src/codec/select.js';
import { giveChunkBack, takeChunk } from '../../../src/net/writing/chunk.js';
import { LARGEST_CHUNK, UNCOPIED_FROM } from '../../../src/net/writing/sizes.js';
import { SEED } from '../../support/codecs.js';
import { parseFrames } from '../../support/frame-parser.js';
import { frameFor } from '../../support/framer.js';
import { makeOutbox } from '../../support/outbox-harness.js';
import { randomNumbers } from '../../support/receiver-harness.js';

const KEY = 0xa5_c3_01_7f;

/** Octets that differ from one another wherever a mistake would shift them. */
function payloadOf(size: number): Buffer {
  const payload = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i++) payload[i] = i ^ (i >>> 8) ^ (i >>> 16);
  return payload;
}

function sent(payload: string | Uint8Array, setting: Parameters<typeof makeOutbox>[0] = {}): Buffer {
  const { outbox, transport } = makeOutbox(setting);
  outbox.append(typeof payload === 'string' ? 0x81 : 0x82, payload);
  outbox.flush();
  return transport.octets;
}

const SIZES = [
  ...[0, 1, 2, 3, 4, 5, 31, 32, 33, 34, 35, 64, 124, 125, 126, 127, 128, 1018, 1024, 4090, 4096],
  ...[UNCOPIED_FROM - 15, UNCOPIED_FROM - 1, UNCOPIED_FROM, UNCOPIED_FROM + 1],
  ...[LARGEST_CHUNK - 15, LARGEST_CHUNK - 14, LARGEST_CHUNK - 5, LARGEST_CHUNK - 1, LARGEST_CHUNK, LARGEST_CHUNK + 1],
  ...[SCRATCH_SIZE - 1, SCRATCH_SIZE, SCRATCH_SIZE + 1, 2 * SCRATCH_SIZE + 3],
];

describe('the octets of a frame are those of an independent framer', () => {
  test.each(SIZES)('of a server, %i octets of payload', (size) => {
    const payload = payloadOf(size);
    expect(sent(payload).equals(frameFor('client', 2, payload))).toBe(true);
    expect(sent(payload, { releasesMemory: false }).equals(frameFor('client', 2, payload))).toBe(true);
  });

  test.each(SIZES)('of a client, %i octets of payload, masked and not altered in the caller’s memory', (size) => {
    const payload = payloadOf(size);
    const before = Buffer.from(payload);
    const octets = sent(payload, { maskingKey: () => KEY });
    expect(octets.equals(frameFor('server', 2, before, { key: KEY }))).toBe(true);
    expect(payload.equals(before)).toBe(true);
  });

  test('of a client, each with a masking key of its own', () => {
    let key = 0x01_02_03_04;
    const { outbox, transport } = makeOutbox({ maskingKey: () => key++ });
    for (let i = 0; i < 3; i++) outbox.append(0x82, payloadOf(40));
    outbox.flush();
    expect(parseFrames(transport.octets).map((frame) => frame.key?.readUInt32LE())).toEqual([
      0x01_02_03_04, 0x01_02_03_05, 0x01_02_03_06,
    ]);
  });

  const CHARACTERS = [
    ['ASCII', 'a', 1],
    ['2-octet', 'é', 2],
    ['3-octet', '€', 3],
    ['4-octet', '😀', 4],
  ] as const;

  for (const [name, character, octets] of CHARACTERS) {
    // Around the boundaries of the header, of a chunk, and of what leaves uncopied.
    const lengths = [1, 125, 126, 127, UNCOPIED_FROM, 21_840, 21_841, 65_535, 65_536, 65_537, 200_000]
      .flatMap((length) => [Math.floor(length / octets), Math.ceil(length / octets)])
      .filter((count, i, all) => count > 0 && all.indexOf(count) === i);
    test.each(lengths)(`text of ${name} characters, %i of them`, (count) => {
      const text = character.repeat(count);
      expect(sent(text).equals(frameFor('client', 1, text))).toBe(true);
      expect(sent(text, { maskingKey: () => KEY }).equals(frameFor('server', 1, text, { key: KEY }))).toBe(true);
    });
  }

  test.each([
    ['124 ASCII and one of two octets', `${'a'.repeat(124)}é`],
    ['123 ASCII and one of two octets', `${'a'.repeat(123)}é`],
    ['125 UTF-16 units that take 126 octets', `é${'a'.repeat(124)}`],
    ['65 535 UTF-16 units that take 65 536 octets', `é${'a'.repeat(65_534)}`],
    ['the empty string', ''],
  ])('text of %s', (_name, text) => {
    expect(sent(text).equals(frameFor('client', 1, text))).toBe(true);
  });

  test.each([
    ['a high surrogate alone', 'a\ud800b'],
    ['a low surrogate alone', 'a\udc00b'],
    ['a high surrogate at the end', 'ab\ud83d'],
    ['two high surrogates', '\ud800\ud800'],
    ['surrogates the wrong way round', '\udc00\ud800'],
    ['many of them', '\ud800'.repeat(30_000)],
  ])('lone surrogates become U+FFFD: %s', (_name, text) => {
    const expected = Buffer.from(new TextEncoder().encode(text));
    expect(sent(text).equals(frameFor('client', 1, expected))).toBe(true);
    const masked = sent(text, { maskingKey: () => KEY });
    expect(masked.equals(frameFor('server', 1, expected, { key: KEY }))).toBe(true);
  });

  test('a header that grows does not disturb the frames in front of it', () => {
    const { outbox, transport } = makeOutbox();
    const texts = ['first', `é${'a'.repeat(124)}`, 'x', `${'é'.repeat(100)}`, 'last'];
    for (const text of texts) outbox.append(0x81, text);
    outbox.flush();
    expect(transport.octets.equals(Buffer.concat(texts.map((text) => frameFor('client', 1, text))))).toBe(true);
  });

  test('any text, after any other', () => {
    const texts = fc.array(fc.string({ unit: 'binary', maxLength: 300 }), { maxLength: 20 });
    fc.assert(
      fc.property(texts, (texts) => {
        const { outbox, transport } = makeOutbox();
        for (const text of texts) outbox.append(0x81, text);
        outbox.flush();
        const expected = texts.map((text) => frameFor('client', 1, new TextEncoder().encode(text)));
        expect(transport.octets.equals(Buffer.concat(expected)), `FC_SEED=${SEED}`).toBe(true);
      }),
      { seed: SEED },
    );
  });
});

test('a view of the receive window is copied, whatever its size: the next read overwrites it', () => {
  const size = 100_000;
  codec.bytes.fill(7, WINDOW_START, WINDOW_START + size);
  const { outbox, transport } = makeOutbox();
  transport.takesWhole = false;
  expect(outbox.append(0x82, codec.bytes.subarray(WINDOW_START, WINDOW_START + size))).toBe(true);
  outbox.flush();
  codec.bytes.fill(0xaa, WINDOW_START, WINDOW_START + size);
  transport.complete();
  expect(transport.octets.equals(frameFor('client', 2, Buffer.alloc(size, 7)))).toBe(true);
});

/** Overwrites every chunk of the pool: what still lies in one is lost. */
function poisonFreeChunks(): void {
  for (const size of [1024, 4096, 16_384, 65_536]) {
    const chunks = Array.from({ length: 8 }, () => takeChunk(size));
    for (const chunk of chunks) chunk.appendEncoded(Buffer.alloc(chunk.size, 0xee));
    for (const chunk of chunks) giveChunkBack(chunk);
  }
}

test.each([
  ['a server over a socket', true, false],
  ['a server over a stream in memory', false, false],
  ['a client', true, true],
])(
  'chunks are recycled only when nobody reads them: random sends of %s, free chunks overwritten',
  (_name, releasesMemory, masked) => {
    const random = randomNumbers(SEED);
    const { outbox, transport } = makeOutbox({ releasesMemory, maskingKey: masked ? () => KEY : undefined });
    const expected: Buffer[] = [];
    for (let round = 0; round < 600; round++) {
      const action = random();
      if (action < 0.6) {
        const size = Math.floor(random() ** 3 * 90_000);
        const payload = Buffer.alloc(size, round);
        expected.push(masked ? frameFor('server', 2, payload, { key: KEY }) : frameFor('client', 2, payload));
        // The memory is the caller's again: it is overwritten at once.
        if (outbox.append(0x82, payload)) payload.fill(0xdd);
      } else if (action < 0.7) {
        transport.takesWhole = !transport.takesWhole;
      } else if (action < 0.85) {
        outbox.flush();
      } else if (transport.inFlight !== null) {
        transport.complete();
      }
      poisonFreeChunks();
    }
    transport.takesWhole = true;
    if (transport.inFlight !== null) transport.complete();
    outbox.flush();
    expect(transport.octets.equals(Buffer.concat(expected)), `FC_SEED=${SEED}`).toBe(true);
  },
);
