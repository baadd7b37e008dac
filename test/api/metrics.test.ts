import { EventEmitter } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newWebSocket, ReadyState, type ServerMetrics, type SlowPeer } from '../../src/index.js';
import { expectBuffered } from '../support/buffered-bytes.js';
import { CountingPeer } from '../support/counting-peer.js';
import { EmitterBroker } from '../support/emitter-broker.js';
import { FakeBroker } from '../support/fake-broker.js';
import { frameFor } from '../support/framer.js';
import { noise } from '../support/messages.js';
import { rawWebSocket } from '../support/raw-peer.js';
import { awaiting, connected, fillUp, served, until } from '../support/servers.js';

const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
const MAX_BACKPRESSURE = 300_000;

describe('what a server has done', () => {
  test('is all 0 before the first handshake, a copy, and the same for both entry points', async () => {
    const { server } = await served();
    const { upgrades } = await awaiting(() => {});
    const nothing: ServerMetrics = {
      connectionsOpen: 0,
      connectionsTotal: 0,
      connectionsPaused: 0,
      messagesReceived: 0,
      compressedMessagesReceived: 0,
      payloadBytesReceived: 0,
      wireBytesReceived: 0,
      messagesSent: 0,
      compressedMessagesSent: 0,
      payloadBytesSent: 0,
      wireBytesSent: 0,
      bufferedBytes: 0,
      messagesDropped: 0,
      slowPeersEnded: 0,
      rateLimited: 0,
      closesByCode: {},
      handshakesRefused: {},
      handshakesPending: 0,
      broker: null,
    };
    for (const each of [server, upgrades]) {
      expect(each.metrics()).toEqual(nothing);
      each.metrics().messagesSent = 7;
      each.metrics().closesByCode[1000] = 7;
      each.metrics().handshakesRefused.origin = 7;
      expect(each.metrics()).toEqual(nothing);
    }
  });

  test('counts handshakes that wait for an answer', async () => {
    const answers: (() => void)[] = [];
    const upgrade = () => new Promise<undefined>((resolve) => answers.push(() => resolve(undefined)));
    const { server, port } = await served({ upgrade });
    const peers = [rawWebSocket(port), rawWebSocket(port)];
    await until(() => answers.length === 2);
    expect(server.metrics()).toMatchObject({ handshakesPending: 2, connectionsOpen: 0 });
    for (const answer of answers) answer();
    await Promise.all(peers);
    expect(server.metrics()).toMatchObject({ handshakesPending: 0, connectionsOpen: 2, connectionsTotal: 2 });
  });

  test('counts in raw mode the bytes of each data frame, and a message with its last frame', async () => {
    const { upgrades, port } = await awaiting(async (request) => {
      const ws = await newWebSocket(request, undefined, { raw: true });
      for await (const _ of ws);
    });
    const peer = await rawWebSocket(port);
    const wire = (...frames: Buffer[]) => peer.write(Buffer.concat(frames));
    const [first, control, last] = [
      frameFor('server', 1, 'abc', { fin: false }),
      frameFor('server', 9, 'ping'),
      frameFor('server', 0, 'de'),
    ];
    wire(first);
    await until(() => upgrades.metrics().payloadBytesReceived === 3);
    expect(upgrades.metrics().messagesReceived).toBe(0);
    wire(control, last);
    await until(() => upgrades.metrics().messagesReceived === 1);
    expect(upgrades.metrics()).toMatchObject({
      payloadBytesReceived: 5,
      wireBytesReceived: first.length + control.length + last.length,
    });
  });

  test('does not count a compressed message that is not delivered', async () => {
    const { server, port } = await served({ compression: true });
    const invalid = await CountingPeer.connect(port, '/ws', OFFER);
    invalid.send({ opcode: 1, payload: Buffer.from([0xff, 0xff]), isCompressed: true, fragments: 1 }, false);
    await until(() => server.metrics().closesByCode[1006] === 1);
    const late = await CountingPeer.connect(port, '/ws', OFFER);
    for (const ws of server.connections) void ws.close();
    late.send({ opcode: 1, payload: Buffer.from('late'), isCompressed: true, fragments: 1 }, false);
    late.frame(8, Buffer.from([0x03, 0xe8]));
    await until(() => server.connections.size === 0);
    expect(server.metrics()).toMatchObject({ messagesReceived: 0, compressedMessagesReceived: 0 });
  });

  test('counts a socket that waits for its receiver as paused until there is room', async () => {
    const { upgrades, port } = await awaiting(async (request) => {
      await newWebSocket(request);
    });
    const peer = await CountingPeer.connect(port);
    for (let i = 0; i < 60; i++) {
      peer.send({ opcode: 2, payload: Buffer.alloc(10_000), isCompressed: false, fragments: 1 }, true);
    }
    await until(() => upgrades.metrics().connectionsPaused === 1);
    const [ws] = upgrades.connections;
    for (let i = 0; i < 60; i++) await ws.receivePacket();
    expect(upgrades.metrics().connectionsPaused).toBe(0);
    expect(upgrades.metrics()).toMatchObject(peer.counts);
  });

  test('counts what the user pauses once, whatever the queue does', async () => {
    const { upgrades, port } = await awaiting(async (request) => {
      await newWebSocket(request);
    });
    await CountingPeer.connect(port);
    const [ws] = upgrades.connections;
    for (const [act, paused] of [
      ['pause', 1],
      ['pause', 1],
      ['resume', 0],
      ['resume', 0],
      ['pause', 1],
    ] as const) {
      ws[act]();
      expect(upgrades.metrics().connectionsPaused).toBe(paused);
    }
    ws.hangup();
    await ws.closed;
    expect(upgrades.metrics()).toMatchObject({ connectionsPaused: 0, connectionsOpen: 0 });
  });
});

describe('a peer that has fallen behind', () => {
  async function behind(slowPeer: SlowPeer) {
    const { server, port } = await served({ slowPeer, maxBackpressure: MAX_BACKPRESSURE });
    const peer = await CountingPeer.connect(port);
    const [ws] = server.connections;
    peer.raw.stopReading();
    await fillUp(ws, noise(200_000));
    expect(server.metrics().bufferedBytes).toBe(ws.bufferedAmount);
    expect(ws.bufferedAmount).toBeGreaterThan(0);
    return { server, peer, ws };
  }

  test.each(['slow', 'hangup', 'reset'] as const)('leaves nothing that counts as buffered: %s', async (end) => {
    const { server, peer, ws } = await behind('terminate');
    if (end === 'hangup') ws.hangup();
    else if (end === 'reset') peer.raw.reset();
    else while (ws.readyState === ReadyState.Open) void ws.send(noise(100_000));
    expectBuffered(server);
    peer.raw.readOn();
    await ws.closed;
    expect(server.metrics()).toMatchObject({
      bufferedBytes: 0,
      slowPeersEnded: end === 'slow' ? 1 : 0,
      closesByCode: { 1006: 1 },
    });
    if (end !== 'reset') {
      await peer.raw.takeAll();
      expect(server.metrics().wireBytesSent).toBeLessThanOrEqual(peer.counts.wireBytesSent);
    }
  });

  test('gets one Pong for all its Pings, which counts like any other frame', async () => {
    const { server, peer, ws } = await behind('wait');
    for (const payload of ['a', 'b', 'c']) peer.frame(9, payload);
    await until(() => server.metrics().wireBytesReceived === peer.counts.wireBytesReceived);
    expectBuffered(server);
    peer.raw.readOn();
    await until(() => peer.control.length > 0);
    await until(() => ws.bufferedAmount === 0);
    expect(peer.control.at(-1)?.payload.toString()).toBe('c');
    expect(server.metrics()).toMatchObject({ ...peer.counts, bufferedBytes: 0 });
  });
});

describe('the broker of a server', () => {
  test('shows its state, what it holds, what it has dropped, holes, and what is none of ours', async () => {
    const broker = new FakeBroker();
    broker.maxBuffered = 1000;
    const { server } = await served({ broker });
    expect(server.metrics().broker).toEqual({
      status: 'up',
      buffered: 0,
      dropped: 0,
      gaps: 0,
      rejected: { format: 0, version: 0, signature: 0, topic: 0, frame: 0 },
    });
    broker.turn('down', new Error('away'));
    server.publish('t', Buffer.alloc(500));
    expect(server.metrics().broker?.status).toBe('down');
    expect(server.metrics().broker?.buffered).toBe(server.broker?.buffered);
    expect(server.metrics().broker?.buffered).toBeGreaterThan(500);
    server.publish('t', Buffer.alloc(800));
    expect(server.metrics().broker?.dropped).toBeGreaterThan(0);
    expect(server.metrics().broker?.dropped).toBe(server.broker?.dropped);
    broker.onGap?.('t');
    expect(server.metrics().broker?.gaps).toBe(1);
    Object.assign(server.metrics().broker!.rejected, { format: 99 });
    expect(server.metrics().broker?.rejected.format).toBe(0);
  });

  test('what other processes publish counts as sent here, once for each socket', async () => {
    const bus = new EventEmitter();
    const [here, there] = [new EmitterBroker(bus), new EmitterBroker(bus)];
    const receiving = await served({ broker: here, open: (ws) => ws.subscribe('t') });
    const sending = await served({ broker: there });
    const peers = [await CountingPeer.connect(receiving.port), await CountingPeer.connect(receiving.port)];
    sending.server.publish('t', 'häll');
    await until(() => peers.every(({ counts }) => counts.messagesSent === 1));
    expect(receiving.server.metrics()).toMatchObject({ messagesSent: 2, payloadBytesSent: 10 });
    expect(sending.server.metrics()).toMatchObject({ messagesSent: 0, payloadBytesSent: 0 });
  });
});

test('a client counts in no server', async () => {
  const { server, url } = await served({ message: (ws, data) => void ws.send(data) });
  const ws = await connected(url);
  void ws.send('abc');
  await ws.receivePacket();
  expect(server.metrics()).toMatchObject({ messagesReceived: 1, messagesSent: 1 });
  expect(ws.readyState).toBe(ReadyState.Open);
  onTestFinished(() => ws.hangup());
});
