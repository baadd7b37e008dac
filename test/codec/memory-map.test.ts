import { describe, expect, it } from 'vitest';
import { plain, simd } from '#wasm-bytes';
import * as memoryMap from '../../src/codec/memory-map.js';
import { CODEC_TITLE, CODECS, HAS_WEB_ASSEMBLY } from '../support/codecs.js';

/** As much of the WebAssembly API as is used here; the types of Node.js do not declare it. */
interface WebAssemblyApi {
  readonly Module: (new (bytes: Uint8Array) => object) & { imports(module: object): unknown[] };
  readonly Instance: new (module: object) => { readonly exports: Record<string, unknown> };
}

const NUMBERS: Readonly<Record<string, number>> = { ...memoryMap };

const api = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

describe('the memory map', () => {
  it('has its parts one behind the other', () => {
    const { FRAME_TABLE, FRAME_WORDS, FRAME_ROWS, WINDOW_START, WINDOW_END, SCRATCH_START, SCRATCH_SIZE } = memoryMap;
    expect((FRAME_TABLE + FRAME_WORDS * FRAME_ROWS) * 4).toBeLessThanOrEqual(4096);
    expect(WINDOW_START - memoryMap.MAX_FRAME_HEADER).toBeGreaterThanOrEqual(4096);
    expect(WINDOW_END).toBe(SCRATCH_START);
    const { INFLATE_STATE, HISTORY_SIZE, INFLATE_OUT, INFLATE_OUT_SIZE, INDEX_START, INDEX_SIZE } = memoryMap;
    expect(SCRATCH_START + SCRATCH_SIZE).toBe(INFLATE_STATE);
    expect(INFLATE_STATE).toBeLessThan(INFLATE_OUT - HISTORY_SIZE);
    expect(INFLATE_OUT + INFLATE_OUT_SIZE).toBe(INDEX_START);
    const { DEFLATE_TABLES, DEFLATE_OUT, DEFLATE_MOST, MEMORY_SIZE } = memoryMap;
    expect(INDEX_START + INDEX_SIZE).toBeLessThanOrEqual(DEFLATE_TABLES);
    expect(DEFLATE_TABLES).toBeLessThan(DEFLATE_OUT);
    expect(DEFLATE_OUT + DEFLATE_MOST).toBeLessThanOrEqual(MEMORY_SIZE);
    // A message is deflated where it lies, or in the scratch memory with its history before it.
    expect(DEFLATE_MOST).toBeLessThanOrEqual(SCRATCH_SIZE);
  });

  // Skipped without WebAssembly: there is no other map to compare with.
  it.skipIf(!HAS_WEB_ASSEMBLY).each([
    { name: 'simd', bytes: simd },
    { name: 'plain', bytes: plain },
  ])('is the one of the $name module, which imports nothing and holds no data', ({ bytes }) => {
    const module = new api.Module(Buffer.from(bytes, 'hex'));
    expect(api.Module.imports(module)).toEqual([]);
    const { memory, ...others } = new api.Instance(module).exports;
    expect(Buffer.from((memory as { buffer: ArrayBuffer }).buffer).every((octet) => octet === 0)).toBe(true);
    const constants = Object.entries(others).filter(([, value]) => typeof value !== 'function');
    expect(constants.length).toBeGreaterThan(15);
    for (const [name, global] of constants) {
      expect({ [name]: (global as { value: number }).value }).toEqual({ [name]: NUMBERS[name] });
    }
  });
});

describe.each(CODECS)(`the memory of ${CODEC_TITLE}`, ({ createCodec }) => {
  it('is one block of MEMORY_SIZE octets, its own', () => {
    const [codec, other] = [createCodec(), createCodec()];
    expect(codec.bytes.byteLength).toBe(memoryMap.MEMORY_SIZE);
    expect(codec.bytes.byteOffset).toBe(0);
    expect(codec.words.buffer).toBe(codec.bytes.buffer);
    expect(codec.words.length).toBe(memoryMap.MEMORY_SIZE / 4);
    expect(other.bytes.buffer).not.toBe(codec.bytes.buffer);
  });
});
