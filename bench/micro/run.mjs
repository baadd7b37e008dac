// Decoding and unmasking in one process: each codec, the naive twin, and bufferutil, which `ws` uses where it is there. Then
// compression, beside node:zlib, fflate and pako (deflate.mjs).
//   npm run build && (cd bench && npm ci) && node bench/micro/run.mjs [scan|mask|inflate|deflate] [payload size]
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { Bench } from 'tinybench';
import { measureCompression } from './deflate.mjs';

const require = createRequire(import.meta.url);
const SIZES = [8, 64, 1024, 16_384, 65_536, 1_048_576];
const ROUNDS = 7;
const ROUND_MS = 25;
/** A sample is to work on this many octets or more: some tens of microseconds, far above the resolution of the clock. */
const SAMPLE_OCTETS = 262_144;
const NAMES = ['wasm-simd', 'wasm', 'ts', 'naive', 'bufferutil'];

const [onlyWork, onlySize] = process.argv.slice(2);
const bufferutil = load('bufferutil', 'run `npm ci` in bench/ first');
const { createWasmCodec } = load('../../build/codec/wasm.js', 'run `npm run build` first');
const { createTsCodec } = load('../../build/codec/ts.js', 'run `npm run build` first');
const { createNaiveCodec } = await import('./naive.mjs');

const contenders = {
  'wasm-simd': createWasmCodec('wasm-simd'),
  wasm: createWasmCodec('wasm'),
  ts: createTsCodec(),
  naive: createNaiveCodec(),
  bufferutil,
};
const workloads = Object.fromEntries(
  await Promise.all(NAMES.map(async (name) => [name, await import(`./workloads.mjs?for=${name}`)])),
);

function load(name, advice) {
  try {
    return require(name);
  } catch (error) {
    console.error(`Cannot load ${name} (${error.code ?? error.message}): ${advice}.`);
    process.exit(1);
  }
}

/** The operation of one contender, and the octets that one operation stands for, headers included. */
function operationOf(name, work, size, misalignment) {
  const { layOutFrames, maskWith, repeat, scanWith, unmaskFramesWith, unmaskWith } = workloads[name];
  const contender = contenders[name];
  const isBufferutil = name === 'bufferutil';
  let operation;
  let octets = size;
  if (work === 'scan') {
    const frames = layOutFrames(size);
    octets = frames.wire.length;
    operation = (isBufferutil ? unmaskFramesWith : scanWith)(contender, frames, misalignment);
  } else {
    operation = (isBufferutil ? unmaskWith : maskWith)(contender, size, misalignment);
  }
  const times = Math.max(1, Math.ceil(SAMPLE_OCTETS / octets / (size < 64 ? 8 : 1)));
  return { run: repeat(operation, times), octets: octets * times };
}

/**
 * GB/s of each contender: `rates`, the median of rounds in which all take turns, and `best`, the fastest sample of all.
 * The second is there because one and the same call of bufferutil runs at one of two speeds, a factor of two apart, and
 * changes between them as time goes by (cause unknown): the median tells which of them a run happened to see.
 */
function measure(work, size, misalignment) {
  const operations = new Map(NAMES.map((name) => [name, operationOf(name, work, size, misalignment)]));
  const rates = new Map(NAMES.map((name) => [name, []]));
  const best = Object.fromEntries(NAMES.map((name) => [name, 0]));
  for (let round = 0; round < ROUNDS; round++) {
    const bench = new Bench({ time: ROUND_MS, iterations: 4, warmup: round === 0, warmupTime: 4 * ROUND_MS });
    for (const [name, { run }] of operations) bench.add(name, run);
    bench.runSync();
    for (const { name, result } of bench.tasks) {
      if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`, { cause: result.error });
      const { octets } = operations.get(name);
      rates.get(name).push(octets / result.latency.p50 / 1e6);
      best[name] = Math.max(best[name], octets / result.latency.min / 1e6);
    }
  }
  return { rates: Object.fromEntries([...rates].map(([name, values]) => [name, median(values)])), best };
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function machine() {
  const { version } = require('bufferutil/package.json');
  return {
    cpu: cpus()[0].model,
    cores: cpus().length,
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
    bufferutil: version,
    zlib: process.versions.zlib,
    fflate: require('fflate/package.json').version,
    pako: require('pako/package.json').version,
  };
}

function caseName(work, size, misalignment) {
  return `${work} ${size} B${misalignment === 0 ? '' : `, off by ${misalignment}`}`;
}

function tableRow({ work, size, misalignment, rates, best }) {
  const ratio = (a, b) => (rates[a] / rates[b]).toFixed(2);
  return {
    case: caseName(work, size, misalignment),
    ...Object.fromEntries(NAMES.map((name) => [`${name} GB/s`, Number(rates[name].toPrecision(3))])),
    'simd/bufferutil': ratio('wasm-simd', 'bufferutil'),
    'best/best': (best['wasm-simd'] / best.bufferutil).toFixed(2),
    'simd/ts': ratio('wasm-simd', 'ts'),
    'ts/naive': ratio('ts', 'naive'),
  };
}

/** What the project promises of one and the same run; see bench/README.md. */
const GOALS = [
  [64, 'wasm-simd', 'bufferutil', 5],
  [1024, 'wasm-simd', 'bufferutil', 2],
  [16_384, 'wasm-simd', 'bufferutil', 0.95],
  [65_536, 'wasm-simd', 'bufferutil', 0.95],
  [1_048_576, 'wasm-simd', 'bufferutil', 0.95],
  [64, 'wasm-simd', 'ts', 5],
  [64, 'ts', 'naive', 1.5],
];

function judge(results) {
  const verdicts = [];
  for (const { work, size, misalignment, rates, best } of results) {
    if (work !== 'scan') continue;
    for (const [goalSize, name, other, atLeast] of GOALS) {
      if (goalSize !== size) continue;
      const goal = `${caseName(work, size, misalignment)}: ${name} / ${other} >= ${atLeast}`;
      const [ratio, bestRatio] = [rates, best].map((of) => Number((of[name] / of[other]).toFixed(2)));
      verdicts.push({ goal, ratio, met: ratio >= atLeast, bestRatio, metByBest: bestRatio >= atLeast });
    }
  }
  return verdicts;
}

const results = [];
for (const work of ['scan', 'mask']) {
  for (const size of SIZES) {
    if ((onlyWork && onlyWork !== work) || (onlySize && Number(onlySize) !== size)) continue;
    for (const misalignment of [0, 3]) {
      results.push({ work, size, misalignment, ...measure(work, size, misalignment) });
    }
  }
}
const goals = judge(results);
if (results.length > 0) {
  console.table(results.map(tableRow));
  console.table(goals);
}
const codecs = ['wasm-simd', 'wasm', 'ts'].map((name) => contenders[name]);
const compression =
  onlyWork === 'scan' || onlyWork === 'mask' ? [] : await measureCompression({ codecs, onlyWork, onlySize });

if (!onlyWork) {
  const { platform, node } = machine();
  const date = new Date().toISOString().slice(0, 10);
  const file = `micro-${date}-${platform}-node${node.slice(1).split('.')[0]}.json`;
  const directory = new URL('../results/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    new URL(file, directory),
    `${JSON.stringify({ date, machine: machine(), goals, results, compression }, null, 2)}\n`,
  );
  console.log(`written to bench/results/${file}`);
}
