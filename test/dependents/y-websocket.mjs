// Two documents that change at the same time converge.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { done, expectOurs } from './ours.mjs';

const require = createRequire(import.meta.url);
const folder = path.dirname(require.resolve('@y/websocket-server/package.json'));
const probe = net.createServer().listen(0, '127.0.0.1');
await once(probe, 'listening');
const { port } = probe.address();
probe.close();
const server = spawn(process.execPath, [path.join(folder, 'src/server.js')], {
  env: { ...process.env, HOST: '127.0.0.1', PORT: String(port) },
  stdio: ['ignore', 'pipe', 'inherit'],
});
await once(server.stdout, 'data');

const peers = [0, 1].map(() => {
  const doc = new Y.Doc();
  const provider = new WebsocketProvider(`ws://127.0.0.1:${port}`, 'room', doc, {
    WebSocketPolyfill: WebSocket,
    disableBc: true,
  });
  return { doc, provider, text: doc.getText('t') };
});
await Promise.all(peers.map(({ provider }) => new Promise((resolve) => provider.once('sync', resolve))));
peers[0].text.insert(0, 'Ada ');
peers[1].text.insert(0, 'Grace ');
const texts = () => peers.map(({ text }) => text.toString());
while (texts()[0].length < 10 || texts()[1].length < 10) await sleep(10);
assert.equal(texts()[0], texts()[1]);
assert.deepEqual([...texts()[0]].sort(), [...'Ada Grace '].sort());

const closed = peers.map(({ provider }) => new Promise((resolve) => provider.once('connection-close', resolve)));
for (const { provider } of peers) provider.destroy();
for (const event of await Promise.all(closed)) assert.equal(event?.wasClean ?? true, true);
for (const { doc } of peers) doc.destroy();
server.kill();
await once(server, 'exit');
done(expectOurs('@y/websocket-server'), 'y-websocket');
