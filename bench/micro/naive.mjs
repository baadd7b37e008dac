// The slow twin of the codec, for scale: what the same work costs octet by octet. It is test/support/naive-codec.ts
// without what no server would do (BigInts, objects).
const { FRAME_ROWS, FRAME_TABLE, FRAME_WORDS, MEMORY_SIZE, SCAN_END } = await import('../../build/codec/memory-map.js');

const MASKED = 0x100;
const NON_ASCII = 0x200;

/** Decodes complete frames of less than 4 GiB only; that is all that the benchmark feeds it. */
export function createNaiveCodec() {
  const bytes = Buffer.from(new ArrayBuffer(MEMORY_SIZE));
  const words = new Uint32Array(bytes.buffer);

  function mask(start, end, key, phase) {
    const keyOctets = [key & 0xff, (key >> 8) & 0xff, (key >> 16) & 0xff, (key >> 24) & 0xff];
    for (let i = start; i < end; i++) bytes[i] ^= keyOctets[(i - start + phase) & 3];
  }

  function scan(start, end) {
    let at = start;
    let rows = 0;
    for (; at < end && rows < FRAME_ROWS; rows++) at = scanFrame(FRAME_TABLE + rows * FRAME_WORDS, at, end);
    words[SCAN_END] = at;
    return rows;
  }

  function scanFrame(row, at, end) {
    const length7 = bytes[at + 1] & 0x7f;
    let payload = at + 2;
    let length = length7;
    if (length7 === 126) {
      length = bytes.readUInt16BE(payload);
      payload += 2;
    } else if (length7 === 127) {
      length = bytes.readUInt32BE(payload + 4);
      payload += 8;
    }
    const key = bytes.readUInt32LE(payload);
    payload += 4;
    const present = Math.min(length, end - payload);
    mask(payload, payload + present, key, 0);
    let flags = bytes[at] | MASKED | (length7 << 16) | ((payload - at) << 24);
    for (let i = payload; i < payload + present; i++) {
      if (bytes[i] >= 0x80) {
        flags |= NON_ASCII;
        break;
      }
    }
    words.set([flags, payload, present, 0, length, key], row);
    return payload + present;
  }

  return { kind: 'naive', bytes, words, scan, mask };
}
