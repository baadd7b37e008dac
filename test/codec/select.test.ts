import { afterEach, describe, expect, it, vi } from 'vitest';
import { codec, selectCodec } from '../../src/codec/select.js';
import { createWasmCodec } from '../../src/codec/wasm.js';
import { CODECS, HAS_WEB_ASSEMBLY } from '../support/codecs.js';

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => object;
}

const api = (globalThis as unknown as { WebAssembly?: WebAssemblyApi }).WebAssembly;

/** The environment that `auto` finds if nobody sets WASOCK_CODEC. */
const UNSET = undefined as unknown as string;

afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

describe('selectCodec', () => {
  it.each(CODECS)('loads $kind when it is asked for', ({ kind }) => {
    expect(selectCodec(kind).kind).toBe(kind);
    vi.stubEnv('WASOCK_CODEC', kind);
    expect(selectCodec().kind).toBe(kind);
  });

  it.each(['auto', '', UNSET])('takes the fastest for %j', (wanted) => {
    vi.stubEnv('WASOCK_CODEC', wanted);
    expect(selectCodec().kind).toBe(HAS_WEB_ASSEMBLY ? 'wasm-simd' : 'ts');
    expect(selectCodec(wanted).kind).toBe(HAS_WEB_ASSEMBLY ? 'wasm-simd' : 'ts');
  });

  it.each(['wasm-sse', 'TS', 'toString', '__proto__'])('does not know %s', (wanted) => {
    expect(() => selectCodec(wanted)).toThrow(RangeError);
    expect(() => selectCodec(wanted)).toThrow(`"${wanted}"`);
  });

  it('takes ts where there is no WebAssembly, and never in place of one that is forced', () => {
    vi.stubGlobal('WebAssembly', undefined);
    expect(selectCodec('auto').kind).toBe('ts');
    for (const kind of ['wasm-simd', 'wasm'] as const) {
      expect(() => selectCodec(kind)).toThrow(`WASOCK_CODEC=${kind} cannot be loaded: This runtime has no WebAssembly`);
      expect(() => createWasmCodec(kind)).toThrow('This runtime has no WebAssembly');
    }
  });

  it.each(['Module', 'Instance'])(
    'hostile.R-19: takes ts where WebAssembly.%s throws, and reports why if forced',
    (name) => {
      const cause = new RangeError('no executable memory');
      const failing = class {
        constructor() {
          throw cause;
        }
      };
      vi.stubGlobal('WebAssembly', { Module: class {}, Instance: class {}, [name]: failing });
      expect(selectCodec('auto').kind).toBe('ts');
      expect(() => selectCodec('wasm')).toThrow(/^WASOCK_CODEC=wasm cannot be loaded: .*no executable memory$/);
      expect(() => createWasmCodec('wasm-simd')).toThrow(expect.objectContaining({ cause }));
    },
  );

  // Skipped without WebAssembly: there is nothing left to run the plain module.
  it.skipIf(!HAS_WEB_ASSEMBLY)('takes wasm where there is no SIMD', () => {
    const compiled: Uint8Array[] = [];
    const failOnce = class {
      constructor(bytes: Uint8Array) {
        compiled.push(bytes);
        if (compiled.length === 1) throw new Error('no SIMD');
        // biome-ignore lint/correctness/noConstructorReturn: a stand-in for WebAssembly.Module must give a true one
        return new api!.Module(bytes);
      }
    };
    vi.stubGlobal('WebAssembly', { ...api, Module: failOnce, Instance: api!.Instance });
    expect(selectCodec('auto').kind).toBe('wasm');
    expect(compiled).toHaveLength(2);
  });
});

describe('codec', () => {
  it('is what WASOCK_CODEC says', () => {
    expect(codec.kind).toBe(selectCodec().kind);
  });
});
