// A page that listens for changes is told that a file was changed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import webpack from 'webpack';
import WebpackDevServer from 'webpack-dev-server';
import WebSocket from 'ws';
import { done, expectOurs } from './ours.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'webpack-'));
const entry = path.join(folder, 'index.js');
writeFileSync(entry, 'console.log(1);');
const compiler = webpack({
  mode: 'development',
  context: folder,
  entry,
  output: { path: folder },
  infrastructureLogging: { level: 'none' },
  stats: 'none',
  watchOptions: { poll: 100 },
});
const server = new WebpackDevServer({ host: '127.0.0.1', port: 0, hot: true, client: false }, compiler);
await server.start();

const url = `ws://127.0.0.1:${server.server.address().port}/ws`;
const ws = new WebSocket(url, { origin: 'http://127.0.0.1' });
const types = [];
let changed = false;
ws.on('message', (data) => {
  const { type } = JSON.parse(data);
  types.push(type);
  if (type !== 'ok') return;
  if (changed) ws.close(1000);
  changed = true;
  writeFileSync(entry, `console.log(${Date.now()});`);
});
const [code] = await once(ws, 'close');
assert.equal(code, 1000);
for (const type of ['hot', 'hash', 'invalid', 'ok']) assert.ok(types.includes(type), `${type} in ${types}`);
await server.stop();
rmSync(folder, { recursive: true, force: true });
done(expectOurs('webpack-dev-server'));
