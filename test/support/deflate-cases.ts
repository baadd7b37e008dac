import { LEVEL_FAST, LEVEL_SMALL } from '../../src/codec/codec.js';
import { DEFLATE_MOST } from '../../src/codec/memory-map.js';
import type { Random } from '../model/random.mjs' with { 'resolution-mode': 'import' };
import { newData, newSize } from './deflate-data.js';
import { type DeflateHarness, DeflateStream, deflatePlacesOf } from './deflate-harness.js';

/** Deflates some messages of some streams, and has each inflated. Throws if one of them is not as promised. */
export function playDeflate(random: Random, harness: DeflateHarness): void {
  const streams = Array.from({ length: random.between(1, 3) }, () => ({ ...newOptions(random) }));
  const open = streams.map((options) => ({
    options,
    stream: new DeflateStream(harness, options),
    said: [] as Buffer[],
  }));
  for (let i = random.between(1, 12); i > 0; i--) {
    const { stream, said } = random.of(open) as (typeof open)[0];
    const message = newMessage(random, said, DEFLATE_MOST - stream.historySize);
    const start = random.of(deflatePlacesOf(message.length, stream.historySize)) as number;
    if (random.once(20)) stream.loseIndex();
    const payload = stream.send(message, random.once(4) ? random.below(message.length + 2) : undefined, start, 'some');
    if (payload !== undefined) said.push(message);
  }
}

function newOptions(random: Random): { keep: number; windowSize: number; level: number } {
  return {
    keep: random.of([0, 256, 4096]),
    windowSize: 2 ** random.between(8, 15),
    level: random.of([LEVEL_FAST, LEVEL_SMALL]),
  };
}

/** Something new, or something like what was said before. */
function newMessage(random: Random, said: readonly Buffer[], most: number): Buffer {
  const size = Math.min(newSize(random, random.once(20) ? DEFLATE_MOST : 5000), most);
  if (said.length === 0 || random.once(3)) return newData(random, size);
  const again = Buffer.from(random.of(said) as Buffer);
  for (let changes = random.below(4); changes > 0 && again.length > 0; changes--) {
    again[random.below(again.length)] = random.below(256);
  }
  return again.subarray(random.below(again.length + 1)).subarray(0, most);
}
