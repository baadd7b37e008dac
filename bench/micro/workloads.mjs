// What is measured. Imported once for each contender, with a query of its own, so that every contender has call sites
// of its own: in a real program there is one codec, and its calls are monomorphic.

const WINDOW_START = 8192;
const WINDOW_SIZE = 524_288;
const SCAN_END = 0;
const FRAME_WORDS = 6;
const FRAME_TABLE = 8;
const ROW_KEY = 5;
const KEY = 0x9c_37_a1_5e | 0;

/** Octets of wire that one operation on frames decodes, unless one frame is longer. */
export const BATCH = 65_536;

/**
 * Lays out masked frames of ASCII text, as many as fit into `BATCH` octets, one at least.
 *
 * @returns the octets of the wire, and where each payload is in them
 */
export function layOutFrames(payloadSize) {
  const headerSize = 6 + (payloadSize > 65_535 ? 8 : payloadSize > 125 ? 2 : 0);
  const frameSize = headerSize + payloadSize;
  const count = Math.max(1, Math.floor(BATCH / frameSize));
  const wire = Buffer.alloc(count * frameSize, 'wasock ');
  const payloads = [];
  for (let at = 0; at < wire.length; at += frameSize) {
    wire[at] = 0x81;
    if (headerSize === 6) wire[at + 1] = 0x80 | payloadSize;
    else if (headerSize === 8) {
      wire[at + 1] = 0x80 | 126;
      wire.writeUInt16BE(payloadSize, at + 2);
    } else {
      wire[at + 1] = 0x80 | 127;
      wire.writeBigUInt64BE(BigInt(payloadSize), at + 2);
    }
    wire.writeInt32LE(KEY, at + headerSize - 4);
    payloads.push([at + headerSize, at + frameSize]);
  }
  return { wire, payloads, headerSize };
}

/**
 * One operation: decodes all frames of `layOutFrames` and unmasks their payloads in place. What is unmasked already is
 * masked again by the next operation; the work is the same, and the headers stay as they are.
 */
export function scanWith(codec, { wire, headerSize }, misalignment) {
  const start = WINDOW_START + (64 - headerSize) + misalignment;
  const end = start + wire.length;
  if (wire.length > WINDOW_SIZE - 64) return scanInTwoWindows(codec, wire, start);
  wire.copy(codec.bytes, start);
  const { words } = codec;
  return () => {
    let at = start;
    let frames = 0;
    while (at < end) {
      frames += codec.scan(at, end);
      at = words[SCAN_END];
    }
    return frames;
  };
}

/** A frame longer than the window arrives in pieces: the first is scanned, the rest masked, each in the same window. */
function scanInTwoWindows(codec, wire, start) {
  const end = WINDOW_START + WINDOW_SIZE;
  const rest = wire.length - (end - start);
  wire.copy(codec.bytes, start, 0, end - start);
  const { words } = codec;
  return () => {
    codec.scan(start, end);
    const key = words[FRAME_TABLE + ROW_KEY];
    let left = rest;
    // The header stays as it is, so that the next operation finds it again.
    while (left > 0) {
      const size = Math.min(left, WINDOW_SIZE - 64);
      codec.mask(end - size, end, key, wire.length - left);
      left -= size;
    }
    return FRAME_WORDS;
  };
}

/** One operation: masks one piece of `size` octets in place; one longer than the window in two pieces of half of it. */
export function maskWith(codec, size, misalignment) {
  const start = WINDOW_START + misalignment;
  if (size > WINDOW_SIZE) {
    const end = start + size / 2;
    return () => {
      codec.mask(start, end, KEY, 0);
      codec.mask(start, end, KEY, 0);
    };
  }
  const end = start + size;
  return () => codec.mask(start, end, KEY, 0);
}

/** One operation: one call of `bufferutil.unmask` for each payload, with views made beforehand; no header is decoded. */
export function unmaskFramesWith(bufferutil, { wire, payloads, headerSize }, misalignment) {
  const start = 64 - headerSize + misalignment;
  const memory = allocateAligned(start + wire.length);
  wire.copy(memory, start);
  const views = payloads.map(([from, to]) => memory.subarray(start + from, start + to));
  const key = keyOctets();
  return () => {
    for (let i = 0; i < views.length; i++) bufferutil.unmask(views[i], key);
  };
}

/** One operation: one call of `bufferutil.unmask` for one piece. */
export function unmaskWith(bufferutil, size, misalignment) {
  const view = allocateAligned(misalignment + size).subarray(misalignment);
  const key = keyOctets();
  return () => bufferutil.unmask(view, key);
}

/** Memory at a page boundary, as the codec's is; an ArrayBuffer may start anywhere. */
function allocateAligned(size) {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(size / 65_536) });
  return Buffer.from(memory.buffer, 0, size);
}

function keyOctets() {
  const key = Buffer.alloc(4);
  key.writeInt32LE(KEY);
  return key;
}

/** Repeats an operation within one sample, so that no sample is short beside the resolution of the clock. */
export function repeat(operation, times) {
  return () => {
    for (let i = 0; i < times; i++) operation();
  };
}
