import { availableParallelism } from 'node:os';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Asserts that a project runs the codec that it names, so nothing else in the run means anything before it. */
const CODEC_KIND = 'test/codec-kind.test.ts';

/** The codecs' own tests, which walk over all codecs by themselves. */
const CODEC_TESTS = 'test/codec/**/*.test.ts';

/** What needs no particular codec. */
const RUN_ONCE = [
  CODEC_TESTS,
  'test/handshake/**/*.test.ts',
  'test/peers/**/*.test.ts',
  'test/examples/**/*.test.ts',
  'test/operations/**/*.test.ts',
  // Clocks, and the cipher.
  'test/hostile/{clock-jumps,tls}.test.ts',
  'test/project/**/*.test.ts',
  'test/ws/contract-exports.test.ts',
  'test/ws/contract-typings.test.ts',
];

/** Real clocks, megabytes and a process for each case: `npm run test:long`, which CI runs. test/support/check-ids.mjs has them, too. */
const LONG = [
  'test/reliability/time.test.ts',
  'test/hostile/memory.test.ts',
  'test/hostile/resets.test.ts',
  'test/broker/*-long.test.ts',
];

const MODEL = 'test/model/**/*.test.ts';

const SMOKE = 'test/smoke/**/*.test.ts';

/** Where one codec could be right and another wrong; above that all of them are the same to the code. */
const PER_CODEC = [
  CODEC_KIND,
  'test/protocol/**/*.test.ts',
  'test/hostile/{frames,handshake-client,handshake-server,process}.test.ts',
  'test/net/reading/inbox.test.ts',
  'test/net/writing/masked-copy.test.ts',
  SMOKE,
];

class CodecKindFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(specifications);
    const isFirst = (specification: TestSpecification) => specification.moduleId.endsWith(CODEC_KIND);
    return [...sorted.filter(isFirst), ...sorted.filter((specification) => !isFirst(specification))];
  }
}

function project(
  name: string,
  env: Record<string, string>,
  test: { include: string[]; exclude?: string[]; execArgv?: string[] },
): TestProjectConfiguration {
  return { extends: true, test: { name, env: { WASOCK_TEST_PROJECT: name, ...env }, ...test } };
}

const PROJECTS = [
  project('ci-long', { WASOCK_CODEC: 'auto' }, { include: LONG }),
  project(
    'wasm-simd',
    { WASOCK_CODEC: 'wasm-simd' },
    { include: ['test/**/*.test.ts'], exclude: [...RUN_ONCE, ...LONG] },
  ),
  project('once', { WASOCK_CODEC: 'auto' }, { include: RUN_ONCE }),
  ...['wasm', 'ts'].map((codec) =>
    project(codec, { WASOCK_CODEC: codec, MODEL_MINUTES: '0.05' }, { include: [...PER_CODEC, MODEL], exclude: LONG }),
  ),
  // Node without WebAssembly, as some hardened hosts run it; the workers only, as the main process of vitest needs it. What the
  // codecs do then shows nowhere else.
  project('jitless', { WASOCK_CODEC: 'auto' }, { include: [CODEC_KIND, CODEC_TESTS, SMOKE], execArgv: ['--jitless'] }),
  // Nothing that is private to Node: every rule holds without it too, but for what the tests that are skipped there name.
  project(
    'ci-documented',
    { WASOCK_CODEC: 'wasm-simd', WASOCK_NODE: 'documented', MODEL_MINUTES: '0.05' },
    {
      include: ['net', 'api', 'ws', 'hostile', 'reliability', 'smoke', 'model'].map(
        (room) => `test/${room}/**/*.test.ts`,
      ),
      exclude: [
        ...RUN_ONCE,
        ...LONG,
        // What these test is private.
        'test/net/node/{accept,direct-write,incoming-message,user-buffer}.test.ts',
        'test/net/transport/window-transport.test.ts',
        'test/net/opening/first-reads.test.ts',
      ],
    },
  ),
];

export default defineConfig({
  test: {
    // Processes rather than threads: --jitless is a flag of a process, and the projects should differ in nothing else.
    pool: 'forks',
    // One more than there are cores, because many tests wait.
    maxWorkers: availableParallelism() + 1,
    expect: { requireAssertions: true },
    sequence: { sequencer: CodecKindFirst },
    // A retried test is a test that may fail; unhandled errors fail the run (vitest's default).
    retry: 0,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // The second is what test/support/check-ids.mjs reads.
    reporters: ['default', 'json'],
    outputFile: { json: '.vitest/test-report.json' },
    // `#wasm-bytes` is CommonJS that the build made: Node loads it, vite leaves it alone.
    server: { deps: { external: [/\/build\//] } },
    projects: PROJECTS,
    coverage: {
      provider: 'v8',
      include: ['src/{protocol,handshake,net,ws}/**/*.ts', 'src/codec/{huffman,inflate,ts,utf8,zlib-deflate}.ts'],
      // No statements of their own: interfaces alone.
      exclude: ['src/net/transport/transport.ts', 'src/net/connection-handler.ts', 'src/ws/wire/wire-events.ts'],
      reporter: [['text', { skipFull: true }]],
      // Never lower: raise them when they have risen.
      thresholds: { lines: 99.2, branches: 95.8 },
    },
  },
});
