import { env } from 'node:process';
import type { Codec, CodecKind } from './codec.js';
import { createTsCodec } from './ts.js';
import { createWasmCodec } from './wasm.js';

const CREATE: Readonly<Record<CodecKind, () => Codec>> = {
  'wasm-simd': () => createWasmCodec('wasm-simd'),
  wasm: () => createWasmCodec('wasm'),
  ts: createTsCodec,
};

/**
 * Creates the fastest codec that this runtime can load, or the one asked for.
 *
 * @param wanted a `CodecKind`; `auto`, the empty string or nothing tries `wasm-simd`, `wasm` and `ts`, in this order
 * @throws RangeError if there is no codec of that kind
 * @throws Error if the codec asked for cannot be loaded: a forced codec is never replaced silently
 */
export function selectCodec(wanted: string | undefined = env.WASOCK_CODEC): Codec {
  if (wanted === undefined || wanted === '' || wanted === 'auto') return createFastest();
  if (!isKind(wanted)) {
    throw new RangeError(`WASOCK_CODEC must be auto, wasm-simd, wasm or ts, but is ${JSON.stringify(wanted)}`);
  }
  try {
    return CREATE[wanted]();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw new Error(`WASOCK_CODEC=${wanted} cannot be loaded: ${reason}`, { cause });
  }
}

function isKind(wanted: string): wanted is CodecKind {
  return Object.hasOwn(CREATE, wanted);
}

function createFastest(): Codec {
  for (const kind of ['wasm-simd', 'wasm'] as const) {
    try {
      return CREATE[kind]();
    } catch {
      // No WebAssembly, no SIMD, or no executable memory: the next one is slower and needs less.
    }
  }
  return createTsCodec();
}

/** The codec of this thread, shared by all its connections and chosen when this module is loaded. */
export const codec: Codec = selectCodec();
