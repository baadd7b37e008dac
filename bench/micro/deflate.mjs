// Nanoseconds of CPU time that one message takes to inflate or to deflate, over pools of different messages: each codec, and what
// else JavaScript can call synchronously. What is allocated is collected within the time, by whatever thread.
import { createRequire } from 'node:module';
import { cpuUsage } from 'node:process';
import { constants, inflateRawSync } from 'node:zlib';
import { readPool, TAIL } from '../messages/pool.mjs';
import { median } from '../statistics.mjs';
import { thatFit } from './deflate-workloads.mjs';

const require = createRequire(import.meta.url);
const { LEVEL_FAST, LEVEL_SMALL } = require('../../build/codec/codec.js');

const SIZES = [64, 555, 2048, 16_384];
const ROUNDS = 7;
/** A sample takes this long or longer: far above the resolution of the clock. */
const SAMPLE_US = 20_000;

/** Of each work: the kinds of contenders that are no codec, and the levels of each. */
const OTHERS = {
  inflate: { zlib: [''], fflate: [''], pako: [''] },
  deflate: { zlib: [1, 6], fflate: [1, 6], pako: [1, 6] },
};
const CODEC_LEVELS = { inflate: { '': 0 }, deflate: { fast: LEVEL_FAST, small: LEVEL_SMALL } };

const nameOf = (kind, level) => `${kind} ${level}`.trimEnd();

/** Everybody who takes part in one work: `{ name, kind, codec, level }`. */
function contendersOf(work, codecs) {
  const ours = codecs.flatMap((codec) =>
    Object.entries(CODEC_LEVELS[work]).map(([word, level]) => {
      return { name: nameOf(codec.kind, word), kind: 'codec', codec, level };
    }),
  );
  const others = Object.entries(OTHERS[work]).flatMap(([kind, levels]) =>
    levels.map((level) => ({ name: nameOf(kind, level), kind, level })),
  );
  return [...ours, ...others];
}

async function passOf(work, { name, kind, codec, level }, messages) {
  const { PASSES } = await import(`./deflate-workloads.mjs?for=${name}`);
  return PASSES[work][kind](codec, messages, level);
}

/** The bytes that come out of a pass over the whole pool for each that goes in; throws if any of them is wrong. */
function sharesOf(work, name, pass, messages) {
  let input = 0;
  let output = 0;
  for (let i = 0; i < pass.count; i++) {
    const result = pass.output(i) ?? messages[i];
    const text = work === 'deflate' && result !== messages[i] ? inflated(result) : result;
    if (!text.equals(messages[i])) throw new Error(`${name}: ${work} of message ${i} is wrong`);
    input += messages[i].length;
    output += result.length;
  }
  return output / input;
}

function inflated(payload) {
  return inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH });
}

/** Nanoseconds per message of one sample. */
function sample({ run, count }) {
  const before = cpuUsage();
  let passes = 0;
  for (;;) {
    run();
    passes++;
    const { user, system } = cpuUsage(before);
    if (user + system >= SAMPLE_US) return ((user + system) * 1000) / (passes * count);
  }
}

/** `times`: the median of rounds in which all take turns. `shares`: what deflate leaves of a message, as part of one. */
async function measure(work, size, codecs) {
  const messages = thatFit(readPool(size));
  const contenders = contendersOf(work, codecs);
  const passes = new Map();
  const shares = {};
  for (const contender of contenders) {
    const pass = await passOf(work, contender, messages);
    passes.set(contender.name, pass);
    shares[contender.name] = sharesOf(work, contender.name, pass, messages);
  }
  const times = new Map(contenders.map(({ name }) => [name, []]));
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, pass] of passes) {
      const time = sample(pass);
      if (round > 0) times.get(name).push(time);
    }
  }
  const medians = Object.fromEntries([...times].map(([name, values]) => [name, median(values)]));
  return { work, size, times: medians, ...(work === 'deflate' && { shares }) };
}

/** Results of the works and sizes that are asked for; prints them as tables. */
export async function measureCompression({ codecs, onlyWork, onlySize }) {
  const able = codecs.filter(canCompress);
  if (able.length < codecs.length) console.log('Some codecs of this build cannot compress yet, and are left out.');
  const results = [];
  for (const work of ['inflate', 'deflate']) {
    if (onlyWork && onlyWork !== work) continue;
    for (const size of SIZES) if (!onlySize || Number(onlySize) === size) results.push(await measure(work, size, able));
  }
  print(results);
  return results;
}

function canCompress(codec) {
  return typeof codec.inflate === 'function' && typeof codec.deflate === 'function';
}

function print(results) {
  for (const work of ['inflate', 'deflate']) {
    const rows = results.filter((result) => result.work === work);
    if (rows.length === 0) continue;
    console.log(`${work}, ns per message`);
    console.table(rows.map(({ size, times }) => ({ size: `${size} B`, ...rounded(times, 3) })));
  }
  const sizes = results.filter(({ shares }) => shares);
  if (sizes.length === 0) return;
  console.log('deflate, bytes out per byte in');
  console.table(sizes.map(({ size, shares }) => ({ size: `${size} B`, ...rounded(shares, 3) })));
}

function rounded(values, digits) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value.toPrecision(digits))]));
}
