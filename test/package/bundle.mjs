// Bundles a program that uses the installed package, with each bundler, and runs what comes out: in the folder of a project that
// has `wasock`, `esbuild`, `rolldown`, `webpack` and `vite`.
//
//   node bundle.mjs
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build as esbuild } from 'esbuild';
import { rolldown } from 'rolldown';
import { build as vite } from 'vite';
import webpack from 'webpack';

const FOLDER = path.resolve('bundles');
const ENTRY = path.join(FOLDER, 'program.mjs');
const BOTH = path.join(FOLDER, 'both.mjs');
const PAGE = path.join(FOLDER, 'page.mjs');
const OUTPUT = 'echo on wasm-simd';

mkdirSync(FOLDER, { recursive: true });
writeFileSync(
  ENTRY,
  `import { codec, newWebSocket, serve, WebSocketClosedError } from 'wasock';
import WebSocket, { WebSocketServer } from 'wasock/ws';

const server = await serve({ port: 0, host: '127.0.0.1', message: (ws, data) => void ws.send(data) });
const ws = await newWebSocket(\`ws://127.0.0.1:\${server.port}/\`);
void ws.send('echo');
const text = await ws.receiveStrPacket();
await ws.close();
const error = await ws.receivePacket().catch((reason) => reason);
if (!(error instanceof WebSocketClosedError) || error.name !== 'WebSocketClosedError') throw error;
await server.close();
const sockets = new WebSocketServer({ port: 0 });
if (WebSocket.Server !== WebSocketServer) throw new Error('two copies');
sockets.close();
console.log(\`\${text} on \${codec.kind}\`);
`,
);
// A dependency may be CommonJS: there is one class all the same.
writeFileSync(path.join(FOLDER, 'dependency.cjs'), `module.exports = require('wasock/ws');\n`);
writeFileSync(
  BOTH,
  `import WebSocket from 'wasock/ws';
import required from './dependency.cjs';
console.log(required === WebSocket);
`,
);
writeFileSync(PAGE, `import { newWebSocket } from 'wasock';\nnewWebSocket('ws://127.0.0.1:1/');\n`);

const run = (file) => execFileSync(process.execPath, [file], { encoding: 'utf8', stdio: 'pipe' }).trim();
const outputOf = (name) => path.join(FOLDER, `${name}.mjs`);

/** What each bundler makes of an entry. Each throws after a warning. */
const BUNDLERS = {
  async esbuild(entry, outfile, platform) {
    const { warnings } = await esbuild({ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform });
    assert.deepEqual(warnings, []);
  },
  async rolldown(entry, file, platform) {
    const onLog = (level, { message }) => assert.fail(`${level}: ${message}`);
    const bundle = await rolldown({ input: entry, platform, onLog });
    await bundle.write({ file, format: 'esm' });
  },
  async webpack(entry, file, platform) {
    const stats = await new Promise((resolve, reject) => {
      const options = {
        entry,
        mode: 'production',
        target: platform === 'node' ? 'node20' : 'web',
        experiments: { outputModule: true },
        performance: { hints: false },
        output: {
          path: FOLDER,
          filename: path.basename(file),
          module: true,
          chunkFormat: 'module',
          library: { type: 'module' },
        },
      };
      webpack(options, (error, result) => (error ? reject(error) : resolve(result)));
    });
    assert.equal(stats.hasErrors() || stats.hasWarnings(), false, stats.toString());
  },
  async vite(entry, file, platform) {
    const warn = (message) => assert.fail(message);
    const customLogger = {
      info() {},
      warn,
      warnOnce: warn,
      error: warn,
      clearScreen() {},
      hasErrorLogged: () => false,
    };
    const rollupOptions = { input: entry, output: { entryFileNames: path.basename(file), format: 'es' } };
    const ssr = platform === 'node' ? { build: { ssr: true, target: 'node20' }, ssr: { noExternal: true } } : {};
    await vite({
      configFile: false,
      customLogger,
      ...ssr,
      build: { outDir: FOLDER, emptyOutDir: false, rollupOptions, ...ssr.build },
    });
  },
};

for (const [name, bundle] of Object.entries(BUNDLERS)) {
  const program = outputOf(`${name}-program`);
  await bundle(ENTRY, program, 'node');
  assert.equal(run(program), OUTPUT);

  const both = outputOf(`${name}-both`);
  await bundle(BOTH, both, 'node');
  assert.equal(run(both), 'true');

  const page = outputOf(`${name}-page`);
  await bundle(PAGE, page, 'browser');
  assert.throws(() => run(page), /wasock runs on Node\.js, Bun and Deno\. In a browser, use its own WebSocket\./);
  console.log(`${name}: the program runs, and the page says what is wrong`);
}
