import { Buffer } from 'node:buffer';
import { plain, simd } from '#wasm-bytes';
import type { Codec, DeflateCodec } from './codec.js';
import { MEMORY_SIZE, SCRATCH_SIZE, SCRATCH_START } from './memory-map.js';

/** What `assembly/index.ts` exports, except its constants. */
interface CodecExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly scan: Codec['scan'];
  readonly mask: Codec['mask'];
  readonly validateUtf8: Codec['validateUtf8'];
  /** Transcodes valid UTF-8 to UTF-16 in the scratch memory. @returns how many bytes it wrote */
  readonly toUtf16: (start: number, end: number) => number;
  /** 1 if a byte is above 0x7f */
  readonly hasNonAscii: (start: number, end: number) => number;
  readonly inflate: DeflateCodec['inflate'];
  readonly inflateMore: DeflateCodec['inflateMore'];
  readonly deflate: DeflateCodec['deflate'];
}

/** UTF-8 of up to this many bytes always fits into the scratch memory as UTF-16. */
const TRANSCODED_UP_TO = SCRATCH_SIZE / 2;

/** The part of the WebAssembly JavaScript API used here. Node's types do not declare it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}

/**
 * Instantiates the WebAssembly codec, synchronously, with memory of its own.
 *
 * @throws Error if this runtime has no WebAssembly, or cannot compile or instantiate the module; `cause` has the reason
 */
export function createWasmCodec(kind: 'wasm-simd' | 'wasm'): Codec {
  const { memory, scan, mask, validateUtf8, toUtf16, hasNonAscii, inflate, inflateMore, deflate } = instantiate(kind);
  if (memory.buffer.byteLength !== MEMORY_SIZE) throw new Error(`The ${kind} codec has memory of another size`);
  const bytes = Buffer.from(memory.buffer);
  // The instance's functions are the methods, so that nothing sits between a call and WebAssembly.
  return {
    kind,
    bytes,
    memory: memory.buffer,
    words: new Uint32Array(memory.buffer),
    scan,
    mask,
    validateUtf8,
    inflate,
    inflateMore,
    deflate,
    isAscii: (start, end) => hasNonAscii(start, end) === 0,
    utf8String(start, end) {
      if (end - start > TRANSCODED_UP_TO) return bytes.toString('utf8', start, end);
      // V8 makes a string from UTF-16 in a third of the time that it needs to decode UTF-8.
      return bytes.toString('utf16le', SCRATCH_START, SCRATCH_START + toUtf16(start, end));
    },
  };
}

function instantiate(kind: 'wasm-simd' | 'wasm'): CodecExports {
  const api = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
  if (api === undefined) throw new Error('This runtime has no WebAssembly');
  try {
    const module = new api.Module(Buffer.from(kind === 'wasm-simd' ? simd : plain, 'hex'));
    return new api.Instance(module).exports as CodecExports;
  } catch (cause) {
    throw new Error(`The ${kind} codec cannot be instantiated: ${cause}`, { cause });
  }
}
