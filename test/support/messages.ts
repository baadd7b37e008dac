const WORDS = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'ζήτα'];

/** Words and numbers: a message that gets shorter when it is compressed. */
export function prose(length: number, seed = 1): Buffer {
  let text = '';
  for (let state = seed; text.length < length; text += `${WORDS[state % WORDS.length]} ${state} `) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
  }
  return Buffer.from(text).subarray(0, length);
}

/** Bytes that nothing compresses. */
export function noise(length: number, seed = 88_172_645): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, state = seed; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}
