// Inflate and deflate by chance, on any Node, with the codecs that were built:
//
//   node test/codec/fuzz.mjs --cases 500000 [--seed N] [--codec wasm-simd|wasm|ts] [--only inflate|deflate] [--from CASE]
//
// Payloads valid, damaged and of nothing but chance go to each codec, to the oracle and to zlib. One case in sixteen is
// a few messages that are deflated, and inflated by all. `--from` begins at a case: with `--cases 1` it is that one alone.
// The exit code is 1 if there was a finding.

import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random } from '../model/random.mjs';
import { loadTypeScript } from '../support/load-typescript.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const { values: args } = parseArgs({
  options: {
    cases: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() & 0x7fff_ffff) },
    codec: { type: 'string' },
    only: { type: 'string' },
    from: { type: 'string', default: '0' },
  },
});

/** The longest message, now and then longer than the output area. */
const LARGE = 6000;
const LARGEST = 300_000;

const built = createRequire(path.join(ROOT, 'build/codec/'));
const CREATE = {
  'wasm-simd': () => built('./wasm.js').createWasmCodec('wasm-simd'),
  wasm: () => built('./wasm.js').createWasmCodec('wasm'),
  ts: () => built('./ts.js').createTsCodec(),
};

const support = await loadTypeScript([
  'support/inflate-cases',
  'support/inflate-harness',
  'support/deflate-cases',
  'support/deflate-harness',
  'support/naive-inflate',
]);

/** Two of each codec: what inflates has its memory to itself. */
function newSubject(kind) {
  return {
    kind,
    inflating: new support.InflateHarness(CREATE[kind]()),
    deflating: new support.DeflateHarness(CREATE[kind]()),
  };
}

/** The codecs that have both. A forced one that has not is a mistake. */
function newSubjects() {
  const kinds = args.codec === undefined ? Object.keys(CREATE) : [args.codec];
  const able = kinds.filter((kind) => 'inflate' in CREATE[kind]());
  for (const kind of kinds.filter((other) => !able.includes(other))) console.log(`fuzz: ${kind} has no DEFLATE yet`);
  if (able.length === 0) throw new Error('There is no codec to test');
  return able.map(newSubject);
}

const tally = {};
const count = (what) => {
  tally[what] = (tally[what] ?? 0) + 1;
};

function inflateCase(random, number, subjects) {
  const given = support.newInflateCase(random, random.once(100) ? LARGEST : LARGE);
  support.compareWithZlib(given);
  const expected = support.naiveInflate(given.payload, given);
  const start = random.of(support.placesOf(given.payload.length));
  for (const { kind, inflating } of subjects) {
    try {
      inflating.compare(given, start, number % 32 === 0, expected);
    } catch (error) {
      throw new Error(kind, { cause: error });
    }
  }
  count(`${expected.verdict}${expected.reason === undefined ? '' : `, ${expected.reason}`}`);
}

function deflateCase(number, subjects) {
  for (const { kind, deflating } of subjects) {
    try {
      // The same for each codec.
      support.playDeflate(new Random(Number(args.seed), number), deflating);
    } catch (error) {
      throw new Error(kind, { cause: error });
    }
  }
  count('deflated');
}

function run(number, subjects) {
  const isDeflate = args.only === undefined ? number % 16 === 0 : args.only === 'deflate';
  if (isDeflate) deflateCase(number, subjects);
  else inflateCase(new Random(Number(args.seed), number), number, subjects);
}

const subjects = newSubjects();
const from = Number(args.from);
const end = from + Number(args.cases);
console.log(`fuzz: seed ${args.seed}, codecs ${subjects.map(({ kind }) => kind).join()}`);
let findings = 0;
let number = from;
for (; number < end && findings === 0; number++) {
  try {
    run(number, subjects);
  } catch (error) {
    findings++;
    const only = args.only === undefined ? '' : ` --only ${args.only}`;
    console.error(error);
    console.error(`To repeat it: node test/codec/fuzz.mjs --seed ${args.seed} --from ${number} --cases 1${only}`);
  }
}
const counts = Object.entries(tally).map(([what, times]) => `${times} ${what}`);
console.log(
  `fuzz: ${number - from} cases of seed ${args.seed} on Node ${process.version}, ${findings} findings (${counts.join('; ')})`,
);
process.exitCode = findings === 0 ? 0 : 1;
