import type { CodecKind } from '../codec/codec.js';
import { codec as engine } from '../codec/select.js';

/**
 * The codec that was chosen when the library was loaded: `'wasm-simd'`, `'wasm'` or `'ts'`. Its memory is not for
 * users.
 */
export const codec: { readonly kind: CodecKind } = Object.freeze({ kind: engine.kind });
