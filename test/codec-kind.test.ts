import { describe, expect, test } from 'vitest';
import { codec } from '../src/codec/select.js';

/** What each project of vitest.config.mts must run on. */
const DEMANDED_KIND: Record<string, string> = {
  'wasm-simd': 'wasm-simd',
  wasm: 'wasm',
  ts: 'ts',
  jitless: 'ts',
};

const project = process.env.WASOCK_TEST_PROJECT ?? '';

// Runs before every other test: a suite that is green on another codec than the one it names has shown nothing.
describe(`the codec of the project ${project}`, () => {
  test('is the one that the project names', () => {
    expect(DEMANDED_KIND).toHaveProperty([project]);
    expect(codec.kind).toBe(DEMANDED_KIND[project]);
  });

  test('is chosen with or without WebAssembly, as the project says', () => {
    expect(typeof (globalThis as { WebAssembly?: object }).WebAssembly).toBe(
      project === 'jitless' ? 'undefined' : 'object',
    );
    expect(process.execArgv.includes('--jitless')).toBe(project === 'jitless');
  });
});
