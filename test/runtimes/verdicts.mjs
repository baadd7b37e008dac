import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const ofLibrary = (file) => require(new URL(`unbundled/build/codec/${file}.js`, import.meta.url).pathname);

const { INFLATE_FULL, INFLATE_INVALID, INFLATE_PAUSED, INFLATE_TOO_LONG } = ofLibrary('codec');
const { INFLATE_OUT, INFLATE_OUT_SIZE, INFLATE_TAKEN, WINDOW_START } = ofLibrary('memory-map');

const CREATE = {
  'wasm-simd': () => ofLibrary('wasm').createWasmCodec('wasm-simd'),
  wasm: () => ofLibrary('wasm').createWasmCodec('wasm'),
  ts: () => ofLibrary('ts').createTsCodec(),
};

const VERDICTS = { [INFLATE_INVALID]: 'invalid', [INFLATE_TOO_LONG]: 'too long' };

/** @returns the verdict of a codec, and of a message that is whole its hash */
function inflate(codec, { payload, history, windowSize, most }) {
  const { bytes, words } = codec;
  const known = Buffer.from(history, 'base64');
  const end = WINDOW_START + bytes.write(payload, WINDOW_START, 'base64');
  known.copy(bytes, INFLATE_OUT - known.length);
  const hash = createHash('sha256');
  let taken = WINDOW_START;
  let said = codec.inflate(taken, end, known.length, windowSize, most, false);
  while (said === INFLATE_FULL || said === INFLATE_PAUSED) {
    taken += words[INFLATE_TAKEN];
    if (said === INFLATE_FULL) hash.update(bytes.subarray(INFLATE_OUT, INFLATE_OUT + INFLATE_OUT_SIZE));
    said = codec.inflateMore(taken, end, false);
  }
  if (said < 0) return { verdict: VERDICTS[said] ?? said };
  return { verdict: 'whole', hash: hash.update(bytes.subarray(INFLATE_OUT, INFLATE_OUT + said)).digest('hex') };
}

/** Every codec says of each payload in verdicts.json what the codecs say in the suite. run.mjs writes that file. */
export function checkVerdicts() {
  const cases = JSON.parse(readFileSync(new URL('verdicts.json', import.meta.url), 'utf8'));
  assert.ok(cases.length > 0);
  for (const [kind, create] of Object.entries(CREATE)) {
    const codec = create();
    for (const [number, { verdict, hash, ...given }] of cases.entries()) {
      const said = inflate(codec, given);
      const isSame = said.verdict === verdict && said.hash === hash;
      assert.ok(isSame, `${kind}, case ${number}: ${said.verdict} in place of ${verdict}, ${JSON.stringify(given)}`);
    }
  }
}
