// What a runtime has to be able to do with both entry points, on itself alone: servers and clients of this process. Prints a line of
// JSON: what each check came to, and what the runtime uses.
//
//   node exchange.mjs        bun exchange.mjs        deno run --allow-all exchange.mjs

import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { setTimeout as aWhile } from 'node:timers/promises';
import { generate } from 'selfsigned';
import { acceptUpgrades, codec, newWebSocket, serve } from 'wasock';
import WebSocket, { WebSocketServer } from 'wasock/ws';
import { checkVerdicts } from './verdicts.mjs';

const TIME_LIMIT = 30_000;
const MESSAGES = 10_000;

/** Closed at the end of a check, whatever becomes of it. */
const running = [];

async function started(options) {
  const server = await serve({ message: (ws, data) => ws.send(data), ...options });
  running.push(() => server.close({ timeout: 100 }));
  return server;
}

async function listening(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  running.push(() => server.close());
  return server.address().port;
}

const connect = (port, scheme = 'ws', options = {}) =>
  newWebSocket(`${scheme}://127.0.0.1:${port}/ws`, undefined, options);

async function expectEcho(ws) {
  for (const message of ['', 'héllo wörld 🙂', Buffer.alloc(70_000, 7), 'x'.repeat(300_000)]) {
    ws.send(message);
    assert.deepEqual((await ws.receivePacket()).data, message);
  }
  // The answer to a Close has its code alone.
  assert.deepEqual(await ws.close(4000, 'enough'), { closeCode: 4000, reason: '', wasClean: true });
}

/** The same messages in each run of one length: text and bytes, empty, short and long. */
function mixedMessage(i) {
  const length = i % 100 === 0 ? 20_000 + i : (i * 7919) % 700;
  return i % 3 === 0 ? `${i} ${'ö'.repeat(length / 2)}` : Buffer.alloc(length, i);
}

const addTo = (hash, message) => hash.update(typeof message === 'string' ? 't' : 'b').update(message);

const CHECKS = {
  async 'serve, and its client'() {
    await expectEcho(await connect((await started()).port));
  },

  async 'upgrade handler, subprotocol, refusal'() {
    const { port } = await started({
      upgrade: (request) => (request.url === '/ws' ? { protocol: 'b', headers: { 'X-Mine': 'yes' } } : undefined),
    });
    const ws = await newWebSocket(`ws://127.0.0.1:${port}/ws`, ['a', 'b']);
    assert.equal(ws.protocol, 'b');
    ws.hangup();
    await assert.rejects(connect(port, 'ws', { origin: 'https://evil.example' }), { status: 403 });
  },

  async 'acceptUpgrades on node:http, beside plain requests'() {
    const server = http.createServer(async (request, response) => {
      if (request.url === '/page') return void response.end('page');
      response.setHeader('Set-Cookie', 'a=b');
      const ws = await newWebSocket(request);
      response.end('must not reach the client');
      for await (const message of ws) ws.send(message);
    });
    const upgrades = acceptUpgrades(server);
    const port = await listening(server);
    await expectEcho(await connect(port));
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/page`)).text(), 'page');
    await upgrades.close({ timeout: 100 });
  },

  async 'an HTTP answer instead of an upgrade'() {
    const server = http.createServer((_request, response) => void response.end('p'.repeat(500_000)));
    acceptUpgrades(server);
    const refused = await connect(await listening(server)).catch((error) => error);
    assert.deepEqual([refused.name, refused.status, refused.body.length], ['WebSocketFailedUpgradeError', 200, 1024]);
  },

  async "a socket's own handler that throws"() {
    const server = http.createServer((request) => {
      void newWebSocket(request, async (ws) => {
        await ws.receivePacket();
        throw new Error('handler');
      });
    });
    const errors = [];
    acceptUpgrades(server, { onError: (error) => errors.push(error.message) });
    const ws = await connect(await listening(server));
    ws.send('go');
    assert.equal((await ws.closed).closeCode, 1011);
    assert.deepEqual(errors, ['handler']);
  },

  async 'compressed messages, without and with context takeover'() {
    for (const contextTakeover of [false, true]) {
      const compression = { threshold: 0, contextTakeover };
      const ws = await connect((await started({ compression })).port, 'ws', { compression });
      assert.equal(ws.compression.serverNoContextTakeover, !contextTakeover);
      await expectEcho(ws);
    }
  },

  async 'verdicts of inflate, on wasm-simd, wasm and ts'() {
    checkVerdicts();
  },

  async TLS() {
    const { cert, private: key } = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
      // Deno trusts a certificate only as an authority.
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
      ],
    });
    const { port } = await started({ tls: { cert, key } });
    await expectEcho(await connect(port, 'wss', { ca: cert }));
    await assert.rejects(connect(port, 'wss'), { name: 'WebSocketCreationError' });
  },

  async topics() {
    const server = await started({ open: (ws) => void ws.subscribe('news') });
    const sockets = await Promise.all([1, 2, 3].map(() => connect(server.port)));
    while (server.subscriberCount('news') < 3) await aWhile(5);
    assert.equal(server.publish('news', 'to all'), 3);
    for (const ws of sockets) assert.equal(await ws.receiveStrPacket(), 'to all');
  },

  async '10,000 mixed messages with hashes'() {
    const atServer = createHash('sha256');
    const { port } = await started({
      message(ws, data) {
        addTo(atServer, data);
        return ws.send(data);
      },
    });
    const ws = await connect(port);
    const [sent, echoed] = [createHash('sha256'), createHash('sha256')];
    const sending = (async () => {
      for (let i = 0; i < MESSAGES; i++) {
        addTo(sent, mixedMessage(i));
        await ws.send(mixedMessage(i));
        if (randomInt(500) === 0) await aWhile(1);
      }
    })();
    for (let i = 0; i < MESSAGES; i++) addTo(echoed, (await ws.receivePacket()).data);
    await sending;
    const expected = sent.digest('hex');
    assert.deepEqual([atServer.digest('hex'), echoed.digest('hex')], [expected, expected]);
  },

  async 'closing: by either side, and without a handshake'() {
    const ends = [];
    const server = await started({ close: (_ws, code, reason) => ends.push([code, reason]) });
    await (await connect(server.port)).close(1000, 'client');
    (await connect(server.port)).hangup();
    while (ends.length < 2) await aWhile(5);
    assert.deepEqual(ends, [
      [1000, 'client'],
      [1006, ''],
    ]);
    const left = await connect(server.port);
    const closed = left.closed;
    await server.close();
    assert.equal((await closed).closeCode, 1001);
    await assert.rejects(connect(server.port), { name: 'WebSocketCreationError' });
  },

  async 'a peer that resets'() {
    const codes = [];
    const { port } = await started({ close: (_ws, code) => codes.push(code) });
    const peer = net.connect(port, '127.0.0.1');
    const key = Buffer.alloc(16).toString('base64');
    peer.write(
      `GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    await once(peer, 'data');
    peer.resetAndDestroy();
    while (codes.length === 0) await aWhile(5);
    assert.deepEqual(codes, [1006]);
  },

  async 'wasock/ws, server and client'() {
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(wss, 'listening');
    running.push(() => wss.close());
    wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
    const ws = new WebSocket(`ws://127.0.0.1:${wss.address().port}`);
    await once(ws, 'open');
    for (const message of ['text', Buffer.alloc(70_000, 1)]) {
      const reply = once(ws, 'message');
      ws.send(message);
      assert.deepEqual(await reply, [Buffer.from(message), typeof message !== 'string']);
    }
    const pong = once(ws, 'pong');
    ws.ping('are you there');
    assert.equal(String(await pong), 'are you there');
    const closed = once(ws, 'close');
    ws.close(4001, 'done');
    assert.deepEqual((await closed).map(String), ['4001', 'done']);
  },
};

/** What the runtime lets the library use of its sockets. */
async function transportOf() {
  const folder = new URL('unbundled/build/net/node/', import.meta.url);
  const require = createRequire(import.meta.url);
  const { canReadIntoBuffer } = require(new URL('user-buffer.js', folder).pathname);
  const { canWriteDirectly } = require(new URL('direct-write.js', folder).pathname);
  let socket;
  const server = http.createServer().on('connection', (accepted) => (socket = accepted));
  const port = await listening(server);
  await (await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(300) }).catch(() => null))?.text();
  return {
    reads: canReadIntoBuffer(socket) ? 'window' : 'stream',
    writes: canWriteDirectly(socket) ? 'direct' : 'stream',
  };
}

async function outcomeOf(check) {
  const late = aWhile(TIME_LIMIT, 'took too long', { ref: false }).then((text) => Promise.reject(new Error(text)));
  try {
    await Promise.race([check(), late]);
    return 'ok';
  } catch (error) {
    return String(error?.stack ?? error);
  } finally {
    await Promise.race([Promise.allSettled(running.splice(0).map((end) => end())), aWhile(1000)]);
  }
}

const results = {};
for (const [name, check] of Object.entries(CHECKS)) results[name] = await outcomeOf(check);
const uses = { codec: codec.kind, ...(await transportOf()) };
console.log(JSON.stringify({ uses, results }));
process.exit(Object.values(results).every((result) => result === 'ok') ? 0 : 1);
