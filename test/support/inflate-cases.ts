import zlib from 'node:zlib';
import { WINDOW_SIZE } from '../../src/codec/memory-map.js';
import type { Random } from '../model/random.mjs' with { 'resolution-mode': 'import' };
import { BitWriter, CODE_LENGTH_ORDER, type DynamicOptions, matchSymbols, type Token } from './bit-writer.js';
import { newData, newSize, randomBytes } from './deflate-data.js';
import { naiveInflate } from './naive-inflate.js';

/** One call of `inflate`. */
export interface InflateCase {
  readonly payload: Buffer;
  readonly history: Buffer;
  readonly windowSize: number;
  readonly most: number;
}

const { constants } = zlib;
const NOTHING = Buffer.alloc(0);
const END_OF_BLOCK = 256;
/** A longer payload would have no place in the receive window. */
const LONGEST = WINDOW_SIZE - 64;

/** Payloads valid, damaged or of nothing but chance, with limits that matter. @param large the longest message, now and then */
export function newInflateCase(random: Random, large: number): InflateCase {
  const history = newHistory(random);
  const make = random.weighted(MAKERS) as (random: Random, history: Buffer, large: number) => Buffer;
  let payload = make(random, history, large);
  if (random.once(2)) payload = damage(random, payload, history);
  payload = payload.subarray(0, LONGEST);
  const windowSize = random.once(2) ? 32_768 : 2 ** random.between(8, 15);
  // The limit is near where the message ends, or where it stops to be one.
  const { length } = naiveInflate(payload, { history }).message;
  const most = random.once(2) ? 2 * large + 100_000 : Math.max(0, length + random.between(-3, 3));
  return { payload, history, windowSize, most: random.once(16) ? random.below(most + 1) : most };
}

function newHistory(random: Random): Buffer {
  if (random.once(2)) return NOTHING;
  const size = random.weighted([
    [4, random.below(300)],
    [2, random.below(32_769)],
    [1, 32_768],
    [1, random.between(1, 3)],
  ]) as number;
  return newData(random, size);
}

const MAKERS: readonly (readonly [weight: number, make: (random: Random, history: Buffer, large: number) => Buffer])[] =
  [
    [6, zlibPayload],
    [6, (random, history) => newBlocks(random, history)],
    [1, (random) => randomBytes(random, random.below(40))],
  ];

/** What zlib makes of data, in one piece or several, each flushed or finished. */
function zlibPayload(random: Random, history: Buffer, large: number): Buffer {
  const pieces = random.once(3) ? random.between(2, 4) : 1;
  const parts: Buffer[] = [];
  let before = history;
  for (let i = 0; i < pieces; i++) {
    const data = newData(random, newSize(random, large));
    // What is in the history comes again.
    const again = Math.min(before.length, data.length, random.below(100));
    before.copy(data, 0, before.length - again);
    const isFinal = random.once(4);
    const deflated = zlib.deflateRawSync(data, {
      level: random.between(0, 9),
      strategy: random.once(3) ? random.between(0, 4) : 0,
      memLevel: random.between(1, 9),
      windowBits: random.between(9, 15),
      ...(before.length > 0 && { dictionary: before.subarray(-32_768) }),
      finishFlush: isFinal ? constants.Z_FINISH : random.of([constants.Z_SYNC_FLUSH, constants.Z_FULL_FLUSH]),
    });
    const isLast = i === pieces - 1;
    // The last loses the end of its flush; a final block may be followed by the header of a stored one.
    parts.push(isLast && !isFinal ? deflated.subarray(0, -random.of([4, 4, 4, 5])) : deflated);
    if (isLast && isFinal && random.once(2)) parts.push(Buffer.of(0));
    before = Buffer.concat([before, data]);
  }
  return Buffer.concat(parts);
}

/** Blocks of any kind, with symbols and codes of chance. */
export function newBlocks(random: Random, history: Buffer): Buffer {
  const writer = new BitWriter();
  let reach = history.length;
  for (let blocks = random.between(1, 4); blocks > 0; blocks--) {
    const isFinal = random.once(4);
    const kind = random.below(6);
    if (kind === 0) {
      const data = randomBytes(random, random.below(80));
      writer.stored(data, { isFinal, ...(random.once(20) && { length: random.below(100) }) });
      reach += data.length;
    } else {
      const { tokens, length } = newTokens(random, reach);
      reach += length;
      if (kind < 3) writer.fixed(tokens, { isFinal, endOfBlock: !random.once(30) });
      else writeDynamic(writer, random, tokens, isFinal);
    }
    if (isFinal) writer.align(random.below(128));
  }
  if (random.once(2)) writer.header(0, random.once(8)).align(random.below(128));
  return writer.toBuffer();
}

function newTokens(random: Random, before: number): { tokens: Token[]; length: number } {
  const tokens: Token[] = [];
  let length = 0;
  const literals = random.once(2) ? 256 : 5;
  for (let count = random.below(random.of([4, 40, 300])); count > 0; count--) {
    const reach = Math.min(before + length, 32_768);
    if (random.once(200)) tokens.push({ length: random.between(257, 287), distance: random.below(32) });
    else if (reach === 0 || random.once(2)) {
      tokens.push(random.below(literals));
      length++;
    } else {
      const distance = random.once(100)
        ? Math.min(reach + 1, 32_768)
        : 1 + random.below(random.once(2) ? reach : Math.min(reach, 20));
      const of = random.once(4) ? random.between(3, 258) : random.between(3, 10);
      tokens.push([of, distance]);
      length += of;
    }
  }
  return { tokens, length };
}

function writeDynamic(writer: BitWriter, random: Random, tokens: readonly Token[], isFinal: boolean): void {
  const literals = new Set<number>(random.once(50) ? [] : [END_OF_BLOCK]);
  const distances = new Set<number>();
  for (const token of tokens) {
    if (typeof token === 'number') literals.add(token);
    else {
      const [symbol, distance] = 'distance' in token ? [token.length, token.distance] : matchSymbols(...token);
      literals.add(symbol);
      distances.add(distance);
    }
  }
  const literalLengths = newLengths(random, literals, { least: 257, most: 286, longest: 15 });
  const distanceLengths = newLengths(random, distances, { least: 1, most: 30, longest: 15 });
  const lengths = [literalLengths, distanceLengths];
  // A code that is none.
  if (random.once(12)) {
    const wrong = random.of(lengths) as number[];
    wrong[random.below(wrong.length)] = random.below(16);
  }
  writer.dynamic(tokens, { literalLengths, distanceLengths, isFinal, ...newHeader(random, lengths.flat()) });
}

/** Lengths of a complete code for the symbols and some more; one symbol may be alone. */
function newLengths(
  random: Random,
  used: ReadonlySet<number>,
  { least, most, longest }: { least: number; most: number; longest: number },
): number[] {
  const symbols = [...used];
  const more = random.once(2) ? 0 : random.below(12);
  for (let i = 0; i < more; i++) symbols.push(random.below(most));
  const chosen = [...new Set(symbols)];
  const size = Math.max(least, ...chosen.map((symbol) => symbol + 1));
  const depths = newDepths(random, chosen.length, longest);
  for (let i = chosen.length - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [chosen[i], chosen[other]] = [chosen[other], chosen[i]];
  }
  const lengths = Array<number>(random.once(2) ? size : random.between(size, Math.max(size, most))).fill(0);
  chosen.forEach((symbol, i) => {
    lengths[symbol] = depths[i];
  });
  return lengths;
}

/** Depths of the leaves of a tree, flat or steep. */
function newDepths(random: Random, count: number, longest: number): number[] {
  const depths = [0];
  const isSteep = random.once(3);
  while (depths.length < count) {
    let at = isSteep ? depths.length - 1 : random.below(depths.length);
    while (depths[at] === longest) at = (at + 1) % depths.length;
    depths[at]++;
    depths.push(depths[at]);
  }
  return count === 1 ? [1] : depths;
}

/** A code-length code for lengths, which are written with repeats or without. */
function newHeader(random: Random, lengths: readonly number[]): Partial<DynamicOptions> {
  const lengthSymbols: [symbol: number, extra: number][] = [];
  const repeats = !random.once(4);
  for (let at = 0; at < lengths.length; ) {
    const run = lengths.slice(at).findIndex((length) => length !== lengths[at]);
    const [symbol, extra, count] = lengthSymbol(
      random,
      lengths,
      at,
      repeats ? (run < 0 ? lengths.length - at : run) : 1,
    );
    lengthSymbols.push([symbol, extra]);
    at += count;
  }
  if (random.once(60)) lengthSymbols[random.below(lengthSymbols.length)] = [random.between(16, 18), random.below(4)];
  const used = new Set(lengthSymbols.map(([symbol]) => symbol));
  // One code alone would not be complete.
  if (used.size === 1 && !random.once(4)) used.add(used.has(0) ? 1 : 0);
  const codeLengthLengths = newLengths(random, used, { least: 19, most: 19, longest: 7 });
  if (random.once(60)) codeLengthLengths[random.below(19)] = random.below(8);
  const last = CODE_LENGTH_ORDER.findLastIndex((symbol) => codeLengthLengths[symbol] > 0);
  return { lengthSymbols, codeLengthLengths, hclen: random.once(2) ? 15 : Math.max(0, last - 3) };
}

function lengthSymbol(
  random: Random,
  lengths: readonly number[],
  at: number,
  run: number,
): [symbol: number, extra: number, count: number] {
  const length = lengths[at];
  if (run >= 3 && at > 0 && lengths[at - 1] === length && random.once(2)) {
    const count = random.between(3, Math.min(run, 6));
    return [16, count - 3, count];
  }
  if (length > 0 || run < 3) return [length, 0, 1];
  const count = Math.min(run, 138);
  return count > 10 ? [18, count - 11, count] : [17, count - 3, count];
}

/** Flips, cuts, takes out, puts in. */
function damage(random: Random, payload: Buffer, history: Buffer): Buffer {
  let bytes = Buffer.from(payload);
  for (let times = random.between(1, 2); times > 0; times--) {
    const at = random.below(bytes.length + 1);
    const count = random.between(1, random.of([1, 8]));
    switch (random.below(5)) {
      case 0:
        if (at < bytes.length) bytes[at] ^= 1 << random.below(8);
        break;
      case 1:
        bytes = bytes.subarray(0, random.once(2) ? at : -count);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + count)]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), randomBytes(random, count), bytes.subarray(at)]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), newBlocks(random, history)]);
    }
  }
  return bytes;
}
