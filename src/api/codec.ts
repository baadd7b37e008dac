import type { CodecKind } from '../codec/codec.js';
import { codec as engine } from '../codec/select.js';

/**
 * The codec that decodes frames in this process. `codec.kind` names the implementation, which was chosen when the
 * library was loaded: the fastest that works here, or the one that the environment variable `WASOCK_CODEC` names.
 *
 * @example
 * ```js
 * import { codec } from 'wasock';
 *
 * console.log(codec.kind); // 'wasm-simd' on almost every machine
 * ```
 */
export const codec: { readonly kind: CodecKind } = Object.freeze({ kind: engine.kind });
