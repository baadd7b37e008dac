import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  clockProblems,
  fenceProblems,
  fileProblems,
  importsOf,
  layeringProblems,
  randomnessProblems,
  type Sources,
  smallFileProblems,
  testProblems,
} from '../support/layering.js';

const ROOT = path.resolve(__dirname, '../..');

/** Source files that are tested along with something else, and the file under test/ that does so. */
const TESTED_BY: Record<string, string> = {
  'api/codec.ts': 'project/exports.test.ts',
  // One suite for all implementations.
  'codec/codec.ts': 'codec/scan.test.ts',
  'codec/ts.ts': 'codec/scan.test.ts',
  'codec/huffman.ts': 'codec/inflate.test.ts',
  'codec/wasm.ts': 'codec/scan.test.ts',
  'api/opened.ts': 'api/open.test.ts',
  'protocol/option-names.ts': 'api/option-names.test.ts',
  'ws/exported.ts': 'ws/contract-exports.test.ts',
  'api/option-checks.ts': 'api/limits.test.ts',
  'api/own-http-server.ts': 'api/serve.test.ts',
  'api/socket-server.ts': 'api/topics.test.ts',
  'api/upgrades.ts': 'api/accept-upgrades.test.ts',
  'api/upgrade-answer.ts': 'api/serve.test.ts',
  'api/sending-socket.ts': 'api/send.test.ts',
  'net/counters.ts': 'api/metrics.test.ts',
  'net/timing/rate-limit.ts': 'api/rate-limit.test.ts',
  'broker/redis-connection.ts': 'broker/redis.test.ts',
  // An interface, which the test's own broker implements.
  'broker/broker.ts': 'broker/session.test.ts',
  'broker/channel-broker.ts': 'broker/redis.test.ts',
  'broker/nats-link.ts': 'broker/nats.test.ts',
  'broker/cluster-hub.ts': 'broker/cluster.test.ts',
  'broker/cluster-messages.ts': 'broker/cluster.test.ts',
  ...Object.fromEntries(
    ['redis', 'nats', 'cluster'].flatMap((name) => [
      [`${name}.ts`, `broker/${name}.test.ts`],
      [`${name}.mts`, 'project/exports.test.ts'],
    ]),
  ),
  'net/writing/sizes.ts': 'net/writing/outbox.test.ts',
  'net/opening/request-head.ts': 'net/opening/pending-upgrade.test.ts',
  // The base of Connection and of ws/wire/wire.ts, and what their handlers are.
  'net/link.ts': 'net/connection.test.ts',
  'net/compressing-link.ts': 'api/compressed-messages.test.ts',
  'net/connection-handler.ts': 'net/connection.test.ts',
  'net/timing/pace.ts': 'net/timing/time-limits-clock.test.ts',
  // An interface; its two implementations have tests.
  'net/transport/transport.ts': 'net/transport/stream-transport.test.ts',
  // Split by behaviour into receiver-*.test.ts.
  'protocol/frame-receiver.ts': 'protocol/receiver-frames.test.ts',
  'protocol/compressed-message.ts': 'protocol/receiver-compressed.test.ts',
  'protocol/whole-message.ts': 'protocol/receiver-modes.test.ts',
  'protocol/receiver-options.ts': 'protocol/receiver-modes.test.ts',
  'ws.ts': 'ws/contract-exports.test.ts',
  'ws.mts': 'ws/contract-exports.test.ts',
  // Run against npm ws, too.
  'ws/events/enumerable.ts': 'ws/events/events.test.ts',
  'ws/ready-state.ts': 'ws/websocket.test.ts',
  'ws/opening/client-options.ts': 'ws/opening/client.test.ts',
  'ws/wire/deferral.ts': 'ws/events/event-target.test.ts',
  'ws/payload.ts': 'ws/events/event-target.test.ts',
  'ws/opening/redirects.ts': 'ws/events/events.test.ts',
  'ws/wire/socket-link.ts': 'ws/websocket.test.ts',
  'ws/opening/socket-options.ts': 'ws/wire/faults.test.ts',
  'ws/wire/wire-events.ts': 'ws/same-as-ws.test.ts',
};

function filesOf(folder: string, pattern: RegExp): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => file.split(path.sep).join('/'))
    .filter((file) => pattern.test(file))
    .sort();
}

const sources = new Map(
  filesOf('src', /\.m?ts$/).map((file) => [file, readFileSync(path.join(ROOT, 'src', file), 'utf8')]),
);

describe('src', () => {
  test('imports point one way', () => {
    expect(sources.size).toBeGreaterThan(0);
    expect(layeringProblems(sources)).toEqual([]);
  });

  test('files are named, classes and functions short', () => {
    expect(fileProblems(sources)).toEqual([]);
  });

  test('hostile.A4.20: nothing that can be guessed makes keys, masks or jitter: no Math.random', () => {
    expect(sources.size).toBeGreaterThan(0);
    expect(randomnessProblems(sources)).toEqual([]);
  });

  test('hostile.A4.20: what is random comes from node:crypto, in the files that need it', () => {
    const fromCrypto = /\brandom(Bytes|FillSync|Fill|Int|UUID)\b|\bgetRandomValues\b/;
    const files = [...sources].filter(([, source]) => fromCrypto.test(source)).map(([file]) => file);
    expect(files).toEqual([
      // The order in which a server closes its sockets.
      'api/connections.ts',
      // Waits between attempts, channels for probes, and who published a message.
      ...['broker/channel-broker.ts', 'broker/interests.ts', 'broker/redis-connection.ts'],
      ...['broker/session.ts'],
      ...['codec/zlib-deflate.ts', 'handshake/key.ts', 'protocol/masking-key.ts'],
    ]);
    for (const file of files) {
      const specifiers = importsOf(file, sources.get(file) ?? '').map(({ specifier }) => specifier);
      expect(specifiers).toContain('node:crypto');
    }
  });

  test('hostile.R-17: no deadline is on a clock that jumps: no Date', () => {
    expect(clockProblems(sources)).toEqual([]);
  });

  test('only net/node names a private member of Node', () => {
    expect(fenceProblems(sources)).toEqual([]);
  });

  test('a small file has two readers, or is public', () => {
    expect(smallFileProblems(sources)).toEqual([]);
  });

  test('each file has its test', () => {
    expect(testProblems(sources.keys(), new Set(filesOf('test', /\.test\.ts$/)), TESTED_BY)).toEqual([]);
  });

  test('nothing is needed at run time besides Node', () => {
    const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    const fields = ['dependencies', 'optionalDependencies', 'bundleDependencies'];
    expect(fields.filter((field) => field in manifest)).toEqual([]);
    // Clients of brokers, for whoever uses one.
    const optional = Object.fromEntries(
      Object.keys(manifest.peerDependencies).map((name) => [name, { optional: true }]),
    );
    expect(manifest.peerDependenciesMeta).toEqual(optional);
  });
});

test.each(['package.json', 'alias/package/package.json'])(
  'nothing is compiled or downloaded when %s is installed: no script of it runs then',
  (file) => {
    const { scripts = {}, gypfile } = JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
    // npm runs `prepare` in a clone, and not for a package that is installed.
    expect(['preinstall', 'install', 'postinstall'].filter((name) => name in scripts)).toEqual([]);
    expect(gypfile).toBeUndefined();
    // npm compiles by itself where it finds this file.
    expect(existsSync(path.join(ROOT, path.dirname(file), 'binding.gyp'))).toBe(false);
  },
);

describe('the checker', () => {
  const sourcesOf = (files: Record<string, string>): Sources => new Map(Object.entries(files));

  test('reads imports of every form, and none out of a comment', () => {
    const source = `
      import { a } from './a.js';
      import type { B } from "./b.js";
      import {
        c,
        type C,
      } from './c.js';
      export * from './d.js';
      export { e } from './e.js';
      import './f.js';
      const url = 'https://example.test'; type G = import('./g.js').G;
      const h = await import('./h.js'); const i = require('./i.js');
      // import { no } from './comment.js';
      /** import { no } from './docstring.js'; */
      const text = "say '//'"; export { text };
    `;
    const specifiers = importsOf('x.ts', source).map(({ specifier }) => specifier);
    expect(specifiers.sort()).toEqual([...'abcdefghi'].map((letter) => `./${letter}.js`));
  });

  test.each([
    ['codec knows no one', 'codec/ts.ts', '../protocol/opcode.js'],
    ['the sans-I/O rooms know nothing above', 'protocol/frame-receiver.ts', '../net/connection.js'],
    ['the sans-I/O rooms do not know each other', 'protocol/frame-receiver.ts', '../handshake/key.js'],
    ['the negotiation of deflate reads no headers', 'deflate/negotiation.ts', '../handshake/key.js'],
    ['handshake shares only three files of protocol', 'handshake/key.ts', '../protocol/frame-receiver.js'],
    ['net knows no entry point', 'net/connection.ts', '../api/serve.js'],
    ['a transport knows no connection', 'net/transport/transport.ts', '../connection.js'],
    ['what is written knows nothing of what is read', 'net/writing/outbox.ts', '../reading/inbox.js'],
    ['a connection knows nothing of its opening', 'net/connection.ts', './opening/connect.js'],
    ['the fence knows nothing of those within', 'net/node/accept.ts', '../transport/transport.js'],
    ['the wire shares only three files of ws', 'ws/wire/wire.ts', '../websocket.js'],
    ['the entry points do not know each other', 'ws/websocket.ts', '../api/serve.js'],
    ['an entry point does not go back through the front', 'api/serve.ts', '../index.js'],
    ['the bytes of the module are for codec alone', 'net/connection.ts', '#wasm-bytes'],
    ['no packages', 'api/serve.ts', 'ws'],
    ['no zlib in codec, save in one file', 'codec/ts.ts', 'node:zlib'],
    ['no stream in that file either', 'codec/zlib-deflate.ts', 'node:stream'],
    ['no sockets in protocol', 'protocol/frame-receiver.ts', 'node:net'],
    ['no timers in protocol', 'protocol/frame-receiver.ts', 'node:timers/promises'],
    ['no such file', 'net/connection.ts', './nowhere.js'],
    ['no such room', 'shared/thing.ts', '../codec/ts.js'],
  ])('refuses: %s', (_why, from, specifier) => {
    const files = {
      'index.ts': '',
      'codec/ts.ts': '',
      'protocol/opcode.ts': '',
      'protocol/frame-receiver.ts': '',
      'handshake/key.ts': '',
      'net/connection.ts': '',
      'net/transport/transport.ts': '',
      'net/writing/outbox.ts': '',
      'net/reading/inbox.ts': '',
      'net/opening/connect.ts': '',
      'net/node/accept.ts': '',
      'api/serve.ts': '',
    };
    for (const line of [`import { x } from '${specifier}';`, `import type { X } from '${specifier}';`]) {
      const problems = layeringProblems(sourcesOf({ ...files, [from]: line }));
      expect(problems).toHaveLength(1);
      expect(problems[0]).toContain(from);
    }
  });

  test('allows the arrows of docs/architecture.md', () => {
    const problems = layeringProblems(
      sourcesOf({
        'index.ts': "export { serve } from './api/serve.js';",
        'index.mts': "export { serve } from './index.js';",
        'api/serve.ts':
          "import '../net/connection.js'; import '../protocol/opcode.js';\nimport '../codec/ts.js';\nimport 'node:http';",
        'net/connection.ts':
          "import './writing/outbox.js';\nimport '../protocol/frame-receiver.js';\nimport 'node:net';",
        'net/writing/outbox.ts': "import '../transport/transport.js';",
        'net/transport/transport.ts': "import '../node/accept.js';",
        'net/node/accept.ts': "import '../../handshake/key.js';",
        'ws/payload.ts': '',
        'protocol/frame-receiver.ts': "import '../codec/ts.js';\nimport './opcode.js';",
        'protocol/opcode.ts': '',
        'handshake/key.ts': "import { Opcode } from '../protocol/opcode.js';\nimport 'node:crypto';",
        'codec/ts.ts': "import './codec.js';\nimport '#wasm-bytes';",
        'codec/codec.ts': '',
        'codec/zlib-deflate.ts': "import 'node:zlib';",
      }),
    );
    expect(problems).toEqual([]);
  });

  test('finds a cycle, be it of types only', () => {
    const problems = layeringProblems(
      sourcesOf({
        'net/a.ts': "import { b } from './b.js';",
        'net/b.ts': "import { c } from './c.js';",
        'net/c.ts': "import type { B } from './b.js';",
      }),
    );
    expect(problems).toEqual(['a cycle: net/b.ts -> net/c.ts -> net/b.ts']);
  });

  test('finds empty names, and long classes and functions', () => {
    const method = (lines: number) => `  #say(what: string): void {\n${'    x;\n'.repeat(lines - 2)}  }\n`;
    const files = {
      'net/utils.ts': '',
      'helpers/key.ts': '',
      'net/long.ts': `class Long {\n${'  x;\n'.repeat(349)}}\n`,
      'net/wordy.ts': `export class Wordy {\n${method(61)}}\n`,
      'net/key-types.ts': `export class Fine {\n${'  x;\n'.repeat(288)}${method(60)}}\nconst x = 1;\n`,
    };
    const problems = fileProblems(sourcesOf(files));
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'net/utils.ts',
      'helpers/key.ts',
      'net/long.ts',
      'net/wordy.ts',
    ]);
  });

  test.each([
    'const jitter = Math.random();',
    'const { random } = Math;',
    "Math['random']()",
    'Math?.random()',
    'crypto.pseudoRandomBytes(4);',
  ])('finds what can be guessed: %s', (line) => {
    expect(randomnessProblems(sourcesOf({ 'net/dice.ts': line }))).toEqual([expect.stringContaining('net/dice.ts')]);
  });

  test('finds the time of day, but in comments', () => {
    const files = { 'net/late.ts': '// no Date\nconst now = Date.now();', 'net/fine.ts': '// not Date.now()' };
    expect(clockProblems(sourcesOf(files))).toEqual([expect.stringContaining('net/late.ts')]);
  });

  test('finds private members of Node outside the fence, but in comments', () => {
    const all = new Map([...sources].filter(([file]) => file.startsWith('net/node/')));
    all.set('net/connection.ts', '// a _handle\nconst { _handle: handle } = socket;');
    expect(fenceProblems(all)).toMatchObject([expect.stringContaining('net/connection.ts names _handle')]);
    all.delete('net/node/peer-address.ts');
    expect(fenceProblems(all)).toContain('getpeername: in the list, and named nowhere');
  });

  test('finds small files with one reader', () => {
    const problems = smallFileProblems(
      sourcesOf({
        'index.ts': "export { a } from './api/a.js';",
        'api/a.ts': "import '../net/b.js';\nimport '../net/c.js';",
        'net/b.ts': "import './c.js';",
        'net/c.ts': '',
      }),
    );
    expect(problems).toEqual(['net/b.ts: 1 lines, and only api/a.ts imports it']);
  });

  test('finds files without a test, and stale entries', () => {
    const sourceFiles = ['index.ts', 'index.mts', 'net/a.ts', 'net/b.ts', 'net/c.ts', 'net/d.ts'];
    const tests = new Set(['net/a.test.ts', 'net/d.test.ts', 'net/all.test.ts']);
    const testedBy = {
      'net/b.ts': 'net/all.test.ts',
      'net/d.ts': 'net/all.test.ts',
      'net/gone.ts': 'net/all.test.ts',
      'net/e.ts': 'net/gone.test.ts',
    };
    expect(testProblems(sourceFiles, tests, testedBy).map((problem) => problem.split(':')[0])).toEqual([
      'net/c.ts',
      'net/d.ts',
      'net/gone.ts',
      'net/e.ts',
      'net/e.ts',
    ]);
  });
});
