import { availableParallelism } from 'node:os';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const CODEC_TESTS = 'test/codec/**/*.test.ts';

/** What needs no particular codec, or walks over all codecs by itself. */
const RUN_ONCE = [
  CODEC_TESTS,
  'test/handshake/**/*.test.ts',
  'test/peers/**/*.test.ts',
  'test/examples/**/*.test.ts',
  'test/model/**/*.test.ts',
  'test/project/**/*.test.ts',
  // Processes, sockets and clocks: none of the codec's work, and slow.
  'test/reliability/time.test.ts',
  'test/ws/contract-exports.test.ts',
  'test/ws/contract-typings.test.ts',
];

/** Asserts that a project runs the codec that it names, so nothing else in the run means anything before it. */
const CODEC_KIND = '/test/codec-kind.test.ts';

class CodecKindFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(specifications);
    const isFirst = (specification: TestSpecification) => specification.moduleId.endsWith(CODEC_KIND);
    return [...sorted.filter(isFirst), ...sorted.filter((specification) => !isFirst(specification))];
  }
}

/** Everything that runs on top of a codec, once for each. */
function codecProject(name: string, wasockCodec: string): TestProjectConfiguration {
  return {
    extends: true,
    test: {
      name,
      include: ['test/**/*.test.ts'],
      exclude: RUN_ONCE,
      env: { WASOCK_CODEC: wasockCodec, WASOCK_TEST_PROJECT: name },
    },
  };
}

/** Node without WebAssembly, as some hardened hosts run it. */
const JITLESS_PROJECT: TestProjectConfiguration = {
  extends: true,
  test: {
    name: 'jitless',
    // The workers only: the main process of vitest needs WebAssembly itself.
    execArgv: ['--jitless'],
    include: ['test/**/*.test.ts'],
    // The codecs' own tests run here too: what they do without WebAssembly shows nowhere else.
    exclude: RUN_ONCE.filter((pattern) => pattern !== CODEC_TESTS),
    env: { WASOCK_CODEC: 'auto', WASOCK_TEST_PROJECT: 'jitless' },
  },
};

/** Nothing that is private to Node: every rule holds without it too, but for what the tests that are skipped there name. */
const DOCUMENTED_PROJECT: TestProjectConfiguration = {
  extends: true,
  test: {
    name: 'documented',
    include: ['net', 'api', 'ws', 'hostile', 'reliability'].map((room) => `test/${room}/**/*.test.ts`),
    exclude: [
      ...RUN_ONCE,
      // What these test is private.
      'test/net/node/{accept,direct-write,incoming-message,user-buffer}.test.ts',
      'test/net/transport/window-transport.test.ts',
      'test/net/opening/first-reads.test.ts',
    ],
    env: { WASOCK_CODEC: 'wasm-simd', WASOCK_NODE: 'documented', WASOCK_TEST_PROJECT: 'documented' },
  },
};

export default defineConfig({
  test: {
    // Processes rather than threads: --jitless is a flag of a process, and the four codecs should differ in nothing else.
    pool: 'forks',
    // vitest leaves one core to itself, which on two cores would mean one worker.
    maxWorkers: Math.max(2, availableParallelism()),
    expect: { requireAssertions: true },
    sequence: { sequencer: CodecKindFirst },
    // A retried test is a test that may fail; unhandled errors fail the run (vitest's default).
    retry: 0,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // The second is what test/support/check-ids.mjs reads.
    reporters: ['default', ['json', { outputFile: '.vitest/test-report.json' }]],
    // `#wasm-bytes` is CommonJS that the build made: Node loads it, vite leaves it alone.
    server: { deps: { external: [/\/build\//] } },
    projects: [
      codecProject('wasm-simd', 'wasm-simd'),
      codecProject('wasm', 'wasm'),
      codecProject('ts', 'ts'),
      JITLESS_PROJECT,
      DOCUMENTED_PROJECT,
      {
        extends: true,
        test: { name: 'once', include: RUN_ONCE, env: { WASOCK_CODEC: 'auto', WASOCK_TEST_PROJECT: 'once' } },
      },
    ],
  },
});
