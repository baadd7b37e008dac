import type { Codec, CodecKind, DeflateCodec } from '../../src/codec/codec.js';
import { FRAME_TABLE, FRAME_WORDS, SCAN_END } from '../../src/codec/memory-map.js';
import { createTsCodec } from '../../src/codec/ts.js';
import { createWasmCodec } from '../../src/codec/wasm.js';

/** False under `node --jitless`. */
export const HAS_WEB_ASSEMBLY = 'WebAssembly' in globalThis;

const ALL: readonly { kind: CodecKind; createCodec: () => Codec }[] = [
  { kind: 'wasm-simd', createCodec: () => createWasmCodec('wasm-simd') },
  { kind: 'wasm', createCodec: () => createWasmCodec('wasm') },
  { kind: 'ts', createCodec: createTsCodec },
];

/** The implementations that this runtime can load, whatever WASOCK_CODEC says: for `describe.each`. */
export const CODECS = HAS_WEB_ASSEMBLY ? ALL : ALL.filter(({ kind }) => kind === 'ts');

/** The same for a suite of a method of DEFLATE, with what its title says if it is skipped because a codec has none. */
export function codecsWith(method: 'inflate' | 'deflate') {
  return CODECS.map(({ kind, createCodec }) => {
    const has = method in createCodec();
    const title = has ? kind : `${kind} (skipped: it has no ${method} yet)`;
    return { kind: title, has, createCodec: createCodec as () => Codec & DeflateCodec };
  });
}

/** What a suite run on `CODECS` says in its title. */
export const CODEC_TITLE = HAS_WEB_ASSEMBLY ? 'codec $kind' : 'codec $kind (the only one: no WebAssembly here)';

/** Seed of the property tests: FC_SEED repeats a run; fast-check prints the seed of a failure. */
export const SEED = Number(process.env.FC_SEED ?? Date.now() & 0x7fff_ffff);

/** All that one call of `scan` leaves behind but the octets: how many rows, where it stopped, and the rows themselves. */
export interface Scanned {
  readonly end: number;
  readonly rows: readonly (readonly number[])[];
}

export function scan(codec: Pick<Codec, 'scan' | 'words'>, start: number, end: number): Scanned {
  const count = codec.scan(start, end);
  const rows = Array.from({ length: count }, (_, i) => {
    const row = FRAME_TABLE + i * FRAME_WORDS;
    return [...codec.words.subarray(row, row + FRAME_WORDS)];
  });
  return { end: codec.words[SCAN_END], rows };
}
