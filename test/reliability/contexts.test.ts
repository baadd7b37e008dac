import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { newWebSocket } from '../../src/api/new-websocket.js';
import { openConnection, type Recorder } from '../support/connection-harness.js';
import { FramePeer } from '../support/frame-peer.js';
import { frameFor } from '../support/framer.js';
import { rawWebSocket } from '../support/raw-peer.js';
import { aWhile, awaiting, connected, until } from '../support/servers.js';
import { tcpPair, tlsPair } from '../support/sockets.js';
import { turns } from '../support/waiting.js';
import { IMPLEMENTATIONS, inner, WASOCK } from '../ws/implementations.js';
import { listen } from '../ws/pairs.js';

const storage = new AsyncLocalStorage<string>();

describe.each(IMPLEMENTATIONS)('%s: a callback runs in the context in which it was given', (entry, impl) => {
  // In npm ws it runs in that of the write that ended, which may be another's.
  const testOurs = test.runIf(entry === 'wasock/ws');

  /** Sockets of one server, and their peers. */
  async function accepted(count: number) {
    const { wss, url } = await listen(impl);
    const pairs = [];
    for (let i = 0; i < count; i++) {
      const connection = once(wss, 'connection');
      const peer = await rawWebSocket(Number(new URL(url).port), {}, '/');
      pairs.push({ ws: (await connection)[0] as WebSocket, peer });
    }
    return pairs;
  }

  test('when many sockets send in one turn', async () => {
    const pairs = await accepted(5);
    const seen: unknown[] = [];
    for (const [i, { ws }] of pairs.entries()) {
      storage.run(`request ${i}`, () => ws.send('x', () => seen.push([i, storage.getStore()])));
    }
    await until(() => seen.length === 5);
    expect(seen).toEqual(pairs.map((_pair, i) => [i, `request ${i}`]));
  });

  testOurs(
    'when the peer takes a while',
    async () => {
      const pairs = await accepted(3);
      const seen: unknown[] = [];
      for (const [i, { ws, peer }] of pairs.entries()) {
        peer.stopReading();
        for (const part of ['a', 'b']) {
          const name = `request ${i}${part}`;
          storage.run(name, () => ws.send(Buffer.alloc(15_000_000), () => seen.push([name, storage.getStore()])));
        }
      }
      await aWhile(20);
      for (const { peer } of pairs) peer.readOn();
      await until(() => seen.length === 6, undefined, 60_000);
      for (const [name, store] of seen as [string, string][]) expect(store).toBe(name);
    },
    90_000,
  );

  testOurs('when the connection ends', async () => {
    const [{ ws, peer }] = await accepted(1);
    const seen: unknown[] = [];
    peer.stopReading();
    for (const name of ['a', 'b', 'c']) {
      storage.run(name, () => ws.send(Buffer.alloc(20_000_000), () => seen.push([name, storage.getStore()])));
    }
    await aWhile(20);
    storage.run('another request', () => ws.terminate());
    await until(() => seen.length === 3);
    expect(seen).toEqual([
      ['a', 'a'],
      ['b', 'b'],
      ['c', 'c'],
    ]);
  });
});

describe.each([
  ['TCP', tcpPair],
  ['TLS', tlsPair],
] as const)('over %s, what is told of a connection is told in the context of its opening', (_name, makePair) => {
  /** Connections that were each opened in a context of its own, with the contexts in which they were told something. */
  async function opened(options = {}) {
    const connections = [];
    for (const name of ['first', 'second', 'third']) {
      const { near, far } = await makePair();
      const contexts: string[] = [];
      const note = (event: string) => contexts.push(`${event} in ${storage.getStore()}`);
      const on: Partial<Recorder> = {
        onMessage: () => void note('message'),
        onDrain: () => void note('drain'),
        onError: () => void note('error'),
        onClose: () => void note('close'),
      };
      const open = () => openConnection(near, { options, on });
      connections.push({ ...storage.run(name, open), name, near, far, contexts, peer: new FramePeer(far) });
    }
    return connections;
  }

  test('when a time limit ends it', async () => {
    const connections = await storage.run('a request', () => opened({ idleTimeout: 100 }));
    await until(() => connections.every(({ recorder }) => recorder.closes.length > 0));
    for (const { name, contexts } of connections) expect(contexts).toEqual([`error in ${name}`, `close in ${name}`]);
  });

  test('when somebody else resumes it', async () => {
    const connections = await opened();
    for (const { connection, peer, near } of connections) {
      connection.pause();
      peer.send(frameFor('server', 1, 'x'));
      await until(() => near.bytesRead > 0);
    }
    await turns();
    storage.run('a request', () => {
      for (const { connection } of connections) connection.resume();
    });
    await until(() => connections.every(({ recorder }) => recorder.messages.length > 0));
    for (const { name, contexts } of connections) expect(contexts).toEqual([`message in ${name}`]);
  });

  test('when its peer has caught up, and when another ends it', async () => {
    const connections = await opened({ highWaterMark: 1000 });
    for (const { connection, far } of connections) {
      far.pause();
      storage.run('a request', () => void connection.send(2, Buffer.alloc(20_000_000)));
    }
    await aWhile(20);
    for (const { far } of connections) far.resume();
    await until(() => connections.every(({ recorder }) => recorder.drains > 0));
    storage.run('a request', () => {
      for (const { connection } of connections) connection.terminate(new Error('enough'));
    });
    await until(() => connections.every(({ recorder }) => recorder.closes.length > 0));
    for (const { name, contexts } of connections) {
      expect(contexts).toEqual([`drain in ${name}`, `error in ${name}`, `close in ${name}`]);
    }
  });
});

test.each([
  [true, 'TCP', tcpPair],
  [false, 'TCP', tcpPair],
  [true, 'TLS', tlsPair],
  [false, 'TLS', tlsPair],
] as const)(
  'so it is on wasock/ws, with allowSynchronousEvents: %s over %s',
  async (allowSynchronousEvents, _, pair) => {
    const { near, far } = await pair();
    const contexts: string[] = [];
    const options = { allowSynchronousEvents };
    const ws = storage.run('its opening', () => {
      const opened = inner(new WASOCK.WebSocket(null as never, undefined, options as never));
      for (const event of ['message', 'close'])
        opened.on(event, () => contexts.push(`${event} in ${storage.getStore()}`));
      opened.setSocket(near, Buffer.alloc(0), options);
      return opened;
    });
    ws.pause();
    await turns();
    far.write(Buffer.concat(['a', 'b', 'c'].map((text) => frameFor('server', 1, text))));
    await until(() => near.bytesRead > 0);
    storage.run('a request', () => ws.resume());
    await until(() => contexts.length === 3);
    storage.run('another request', () => ws.terminate());
    await until(() => contexts.length === 4);
    expect(contexts).toEqual([...Array.from({ length: 3 }, () => 'message in its opening'), 'close in its opening']);
  },
);

test('in await style each goes on in its own context', async () => {
  const seen: unknown[] = [];
  const { url } = await awaiting((request) =>
    storage.run(request.url ?? '', async () => {
      const ws = await newWebSocket(request);
      for await (const message of ws) {
        seen.push([message, storage.getStore()]);
        await ws.send(message);
      }
    }),
  );
  const clients = await Promise.all(['/a', '/b', '/c'].map((path) => connected(url.replace('/ws', path))));
  for (const [i, ws] of clients.entries()) await ws.send(`/${'abc'[i]}`);
  await until(() => seen.length === 3);
  for (const [message, store] of seen as [string, string][]) expect(store).toBe(message);
});
