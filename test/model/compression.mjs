/** Around what `wasock` deflates at once, and inflates at once. */
const LONG_SENDS = [16_384, 16_385, 61_439, 61_440, 61_441, 100_000, 200_000, 400_000];
const LONG_ITEMS = [65_537, 131_072, 262_143, 262_144, 262_145, 400_000, 700_000];

/** Bytes of a text that no threshold keeps as it is. */
const SURELY_COMPRESSED = 1000;

/** Messages of a step that are seldom compressed. */
const MANY = 500;

/** `zlib`: options of npm `ws` that the codec of `wasock/ws` leaves to zlib. */
const ZLIB_OPTIONS = { fast: {}, small: { level: 6 }, zlib: { level: 9, memLevel: 7 } };

/** The place of what is sent before anything else. */
const AT_ONCE = { at: 'open', n: 0, turn: 'same', do: 'send', times: 1, wantsCall: true };

const isOfWs = (entry) => entry === 'ws' || entry === 'npm';

/**
 * Which compression the subject and the peer agree on. `asks` is what the peer adds to that: it forbids takeover, or limits the windows.
 *
 * @param {import('./random.mjs').Random} random
 */
export function newCompression(random, entry) {
  return {
    takeover: !random.once(3),
    windowBits: random.of([8, 10, 15, 15]),
    level: random.of(isOfWs(entry) ? ['fast', 'fast', 'small', 'zlib'] : ['fast', 'small']),
    threshold: random.of([0, 0, 100]),
    asks: random.of(['nothing', 'nothing', 'nothing', 'no takeover', 'windows']),
  };
}

/** A program in which most messages are compressed, both ways, and some are long. */
export function withCompression(random, program) {
  const { entry, script, user } = program;
  const compression = newCompression(random, entry);
  return {
    ...program,
    compression,
    script: script.map((step) => (step.do === 'frames' ? compressed(random, step, compression, entry) : step)),
    user: [
      ...(random.once(2) ? several(random, AT_ONCE, entry) : []),
      ...user.flatMap((step) => (step.do === 'send' ? sentSomehow(random, step, entry) : [step])),
    ],
  };
}

function compressed(random, step, { takeover }, entry) {
  // Each of them costs the peer a stream of zlib.
  if (step.times > MANY && !random.once(3)) return step;
  const list = step.list.map((item) => {
    if (item.op === 'ping' || item.op === 'pong' || random.once(4)) return item;
    const deflate = { level: random.of([0, 1, 1, 6]) };
    // npm ws forgets the messages before a final block.
    if (random.once(6) && !(entry === 'npm' && takeover)) deflate.ends = true;
    return { ...item, size: random.once(8) && isRare(step) ? random.of(LONG_ITEMS) : item.size, deflate };
  });
  return { ...step, list };
}

/** What is cut is cut into a number of writes that its size was known for. */
function isRare({ times, cut }) {
  return times <= 3 && cut === undefined;
}

/** As it is, never compressed, or one of several. */
function sentSomehow(random, step, entry) {
  if (step.kind === 'ping' || step.times > 3) return [step];
  if (random.once(6)) return [{ ...step, compress: false }];
  if (random.once(4)) return [step];
  return several(random, step, entry);
}

/** Messages that may refer to each other, and long ones among them. */
function several(random, step, entry) {
  return Array.from({ length: random.between(2, 6) }, () => sentAmongOthers(random, step, entry));
}

function sentAmongOthers(random, { via: _, compress: __, ...step }, entry) {
  if (random.once(8)) return { ...step, kind: 'ping', size: random.below(126) };
  const kind = random.of(['text', 'text', 'bytes']);
  const size = random.once(4) ? random.of(LONG_SENDS) : random.below(random.of([60, 3000, 3000]));
  const via = entry === 'serve' ? random.of([undefined, 'publish', 'prepare']) : undefined;
  return { ...step, kind, size, ...(via && { via }) };
}

/** The option `compression` of `wasock`. */
export function compressionOption({ compression }) {
  if (!compression) return false;
  const { takeover, windowBits, level, threshold } = compression;
  return { contextTakeover: takeover, windowBits, level, threshold };
}

/** The option `perMessageDeflate` of `ws`. */
export function perMessageDeflateOption({ compression }) {
  if (!compression) return false;
  const { takeover, windowBits, level, threshold } = compression;
  return {
    threshold,
    zlibDeflateOptions: ZLIB_OPTIONS[level],
    ...(!takeover && { serverNoContextTakeover: true, clientNoContextTakeover: true }),
    ...(windowBits < 15 && { serverMaxWindowBits: windowBits, clientMaxWindowBits: windowBits }),
  };
}

/** Whether a message of this `send` may leave in a later turn than that of its call, as a thread of zlib compresses it. */
export function isLate({ entry, compression }, { kind, compress }) {
  if (!compression || kind === 'ping' || compress === false) return false;
  return entry === 'npm' || compression.level === 'zlib';
}

/**
 * Which rule the compression of a message breaks, where it was agreed.
 *
 * @param deflatedTo bytes on the wire; `undefined` if it came uncompressed
 * @returns {string | null}
 */
export function brokenRule({ kind, size, compress }, deflatedTo, { compressesToLess }) {
  if (deflatedTo === undefined)
    return compress && kind === 'text' && size >= SURELY_COMPRESSED ? 'is compressed' : null;
  if (!compress) return 'compress: false';
  return compressesToLess && deflatedTo >= size ? 'compressed to less' : null;
}
