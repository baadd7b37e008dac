import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Envelopes } from '../../src/broker/envelope.js';
import { codec } from '../../src/codec/select.js';
import {
  acceptUpgrades,
  type Broker,
  type BrokerGap,
  newWebSocket,
  Opcode,
  prepare,
  publisher,
  serve,
} from '../../src/index.js';
import { encodeKeptFrame } from '../../src/net/writing/shared-frames.js';
import { SEED } from '../support/codecs.js';
import { EmitterBroker } from '../support/emitter-broker.js';
import { FakeBroker } from '../support/fake-broker.js';
import { rawWebSocket } from '../support/raw-peer.js';
import { awaiting, connected, until } from '../support/servers.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';
import { writesOf } from '../support/sockets.js';
import { nextFrame, nextText } from '../support/subscribers.js';
import { turns } from '../support/waiting.js';

const newBus = () => new EventEmitter().setMaxListeners(0);

/** A payload as another process makes it. */
function payloadOf(topic: string, sequence: number, text: string, origin = Buffer.alloc(16, 7)): Buffer {
  return new Envelopes(origin, 'wasock:', []).seal(topic, sequence, false, true, encodeKeptFrame(Opcode.Text, text));
}

describe('servers with a broker', () => {
  test('publish to the sockets of all, and nobody gets a message twice', async () => {
    const bus = newBus();
    const servers = await Promise.all([0, 1, 2].map(() => sharedServer(new EmitterBroker(bus))));
    const clients = await Promise.all(
      servers.flatMap((server) => [subscriber(server, 'a'), subscriber(server, 'a', 'b')]),
    );
    await turns();
    expect(servers.map((server, i) => server.publish('a', `from ${i}`))).toEqual([2, 2, 2]);
    servers[0].publish('b', 'b');
    for (const [i, ws] of clients.entries()) {
      const texts = await nextTexts(ws, i % 2 === 0 ? 3 : 4);
      expect(texts.filter((text) => text !== 'b')).toHaveLength(3);
      expect(new Set(texts).size).toBe(texts.length);
    }
    servers[0].publish('a', 'end');
    for (const ws of clients) expect(await nextTexts(ws, 1)).toEqual(['end']);
  });

  test('of a socket reaches all but itself', async () => {
    const bus = newBus();
    const [one, other] = [await sharedServer(new EmitterBroker(bus)), await sharedServer(new EmitterBroker(bus))];
    const [a, b, c] = [await subscriber(one, 'a'), await subscriber(one, 'a'), await subscriber(other, 'a')];
    const [first] = one.connections;
    expect(first.publish('a', 'x')).toBe(1);
    one.publish('a', 'y');
    expect(await nextTexts(a, 1)).toEqual(['y']);
    for (const ws of [b, c]) expect(await nextTexts(ws, 2)).toEqual(['x', 'y']);
  });

  test('binary, empty, large and prepared messages arrive as they are', async () => {
    const bus = newBus();
    const [one, other] = [await sharedServer(new EmitterBroker(bus)), await sharedServer(new EmitterBroker(bus))];
    const ws = await subscriber(other, 'a');
    await turns();
    const sent = [
      '',
      'ä€😀',
      Buffer.alloc(0),
      Buffer.from([0, 255, 13, 10]),
      Buffer.alloc(300_000, 'x'),
      'y'.repeat(70_000),
    ];
    for (const data of sent) one.publish('a', data);
    one.publish('a', prepare('prepared'));
    for (const data of [...sent, 'prepared']) {
      const packet = await ws.receivePacket();
      expect(packet.opcode).toBe(typeof data === 'string' ? Opcode.Text : Opcode.Binary);
      expect(packet.data).toEqual(data);
    }
  });

  test('works with acceptUpgrades as with serve', async () => {
    const bus = newBus();
    const server = await awaiting(
      async (request) => {
        const ws = await newWebSocket(request);
        ws.subscribe('a');
        for await (const text of ws) ws.publish('a', `echo ${text}`);
      },
      { broker: new EmitterBroker(bus) },
    );
    const other = await sharedServer(new EmitterBroker(bus));
    const [there, here] = [await connected(`ws://127.0.0.1:${server.port}`), await subscriber(other, 'a')];
    await reaches(other, there, 'a');
    await reaches(server.upgrades, here, 'a');
    void there.send('hi');
    for (let text = ''; text !== 'echo hi'; [text] = await nextTexts(here, 1)) expect(text).toMatch(/^$|probe/);
  });

  test('compress a message that came from elsewhere once for all who agreed on the same, if its publisher allows it', async () => {
    const bus = newBus();
    const other = await sharedServer(new EmitterBroker(bus), { compression: { threshold: 0 } });
    const one = await sharedServer(new EmitterBroker(bus));
    const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
    const peers = await Promise.all([offer, offer, offer, {}].map((fields) => rawWebSocket(other.port, fields)));
    await until(() => other.connections.size === 4);
    for (const ws of other.connections) ws.subscribe('a');
    await turns();
    const deflations = vi.spyOn(codec, 'deflate');
    onTestFinished(() => deflations.mockRestore());
    one.publish('a', 'abc'.repeat(100));
    one.publish('a', 'abc'.repeat(100), { compress: false });
    for (const [i, peer] of peers.entries()) {
      expect((await nextFrame(peer)).opcode).toBe(i < 3 ? 0x41 : 0x01);
      expect(await nextText(peer)).toBe('abc'.repeat(100));
    }
    expect(deflations).toHaveBeenCalledTimes(1);
  });

  test('send what came in one turn in one write for each socket', async () => {
    const broker = new FakeBroker();
    const server = await sharedServer(broker);
    const ws = await subscriber(server, 'a');
    const [socket] = server.connections;
    const writes = writesOf(socket.request!.socket);
    for (let i = 1; i <= 50; i++) broker.onMessage!('a', payloadOf('a', i, `m${i}`));
    await nextTexts(ws, 50);
    expect(writes).toHaveLength(1);
  });

  test('broker.A-07: have any topics of Unicode, and refuse those that cannot be told apart or are too long', async () => {
    const bus = newBus();
    const [one, other] = [await sharedServer(new EmitterBroker(bus)), await sharedServer(new EmitterBroker(bus))];
    const topics = ['', ' ', '>', '*', 'a.b', 'a\r\nb', '\0', '😀', 'x'.repeat(5000)];
    const ws = await connected(`ws://127.0.0.1:${other.port}`);
    await until(() => other.connections.size === 1);
    const [socket] = other.connections;
    for (const topic of topics) socket.subscribe(topic);
    await turns();
    for (const topic of topics) one.publish(topic, JSON.stringify(topic));
    expect((await nextTexts(ws, topics.length)).map((text) => JSON.parse(text))).toEqual(topics);
    for (const topic of ['\ud800', 'a\udc00b']) {
      expect(() => one.publish(topic, 'x')).toThrow(/well-formed/);
      expect(() => socket.subscribe(topic)).toThrow(TypeError);
    }
    expect(() => one.publish('ä'.repeat(32_768), 'x')).toThrow(/at most 65535 bytes, not 65536/);
    expect(() => one.publish('x'.repeat(65_535), 'x')).not.toThrow();
  });

  test('broker.A-09: count what somebody else wrote to the broker, drop it, and go on', async () => {
    const broker = new FakeBroker();
    const server = await sharedServer(broker);
    const ws = await subscriber(server, 'a');
    const send = (payload: Buffer) => broker.onMessage!('a', payload);
    const close = Buffer.concat([payloadOf('a', 1, '').subarray(0, 31), Buffer.from([0x88, 0])]);
    for (const payload of [Buffer.alloc(0), Buffer.from('garbage'), payloadOf('b', 1, 'x'), close]) send(payload);
    send(payloadOf('a', 2, 'good'));
    expect(await nextTexts(ws, 1)).toEqual(['good']);
    expect(server.broker!.rejected).toEqual({ format: 2, version: 0, signature: 0, topic: 1, frame: 1 });
  });

  test('broker.A-01: never throw into the broker, whatever arrives and whatever listeners do', async () => {
    const broker = new FakeBroker();
    const errors: string[] = [];
    const server = await sharedServer(broker, { error: (error) => void errors.push(error.message) });
    const ws = await subscriber(server, 'a');
    server.broker!.on('gap', () => {
      throw new Error('a listener');
    });
    send(10, 'first');
    send(12, 'after a gap');
    function send(sequence: number, text: string) {
      broker.onMessage!('a', payloadOf('a', sequence, text));
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.string(), (bytes, topic) => {
        broker.onMessage!(topic, bytes);
      }),
      { seed: SEED },
    );
    send(13, 'last');
    expect(await nextTexts(ws, 3)).toEqual(['first', 'after a gap', 'last']);
    expect(errors).toEqual(['a listener']);
  });

  test('tell of a hole, with its topic and its origin, and deliver nothing twice', async () => {
    const broker = new FakeBroker();
    const server = await sharedServer(broker);
    const ws = await subscriber(server, 'a');
    const gaps: BrokerGap[] = [];
    server.broker!.on('gap', (gap) => gaps.push(gap));
    for (const sequence of [4, 5, 5, 8, 6, 9]) broker.onMessage!('a', payloadOf('a', sequence, `m${sequence}`));
    broker.onGap!();
    broker.onGap!('a');
    expect(await nextTexts(ws, 4)).toEqual(['m4', 'm5', 'm8', 'm9']);
    expect(gaps).toEqual([
      { topic: 'a', origin: '07'.repeat(16) },
      { topic: null, origin: null },
      { topic: 'a', origin: null },
    ]);
    expect(server.broker!.gaps).toBe(3);
  });

  test('deliver locally while the broker is away, and tell what they had to drop', async () => {
    const broker = new FakeBroker();
    broker.maxBuffered = 200;
    const server = await sharedServer(broker);
    const ws = await subscriber(server, 'a');
    const events: unknown[] = [];
    server.broker!.on('up', () => events.push('up'));
    server.broker!.on('down', (error) => events.push(error!.message));
    server.broker!.on('dropped', ({ topic }) => events.push(topic));
    broker.turn('down', new Error('gone'));
    for (const text of ['1', '2']) expect(server.publish('a', text.padEnd(100))).toBe(1);
    expect((await nextTexts(ws, 2)).map((text) => text.trim())).toEqual(['1', '2']);
    expect([server.broker!.status, server.broker!.dropped, server.broker!.buffered]).toEqual(['down', 1, 133]);
    broker.turn('up');
    expect(events).toEqual(['gone', 'a', 'up']);
  });

  test('report why a broker is not there at first, once, and leave later failures to its events', async () => {
    const broker = new FakeBroker();
    broker.status = 'connecting';
    const errors: string[] = [];
    const server = await sharedServer(broker, { error: ({ message }) => errors.push(message) });
    const told: string[] = [];
    server.broker!.on('down', (error) => told.push(error!.message));
    for (const text of ['no server', 'still none']) broker.turn('connecting', new Error(text));
    broker.turn('up');
    broker.turn('down', new Error('gone'));
    expect(errors).toEqual(['no server']);
    expect(told).toEqual(['no server', 'still none', 'gone']);
  });

  test('broker.A-10: send no message over the broker that is longer than maxMessage, deliver it locally, and tell', async () => {
    const broker = new FakeBroker();
    broker.maxMessage = 102;
    const server = await sharedServer(broker);
    const ws = await subscriber(server, 'a');
    const dropped: unknown[] = [];
    server.broker!.on('dropped', (drop) => dropped.push(drop));
    broker.take();
    for (const size of [100, 101]) expect(server.publish('a', 'x'.repeat(size))).toBe(1);
    expect((await nextTexts(ws, 2)).map(({ length }) => length)).toEqual([100, 101]);
    expect(broker.calls.filter(({ name }) => name === 'publish')).toHaveLength(1);
    expect(dropped).toEqual([{ topic: 'a', bytes: 103 }]);
    for (const { resolve } of broker.take()) resolve();
    await expect(server.broker!.published).rejects.toMatchObject({ code: 'WASOCK_BROKER_DROPPED' });
  });

  test('close the broker with them, after it has what was published', async () => {
    const broker = new FakeBroker();
    const server = await serve({ port: 0, host: '127.0.0.1', broker });
    server.publish('a', 'x');
    const closed = server.close();
    await until(() => broker.calls.length > 0);
    await turns();
    expect(broker.isClosed).toBe(false);
    for (const { resolve } of broker.take()) resolve();
    await closed;
    expect([broker.isClosed, broker.onMessage]).toEqual([true, null]);
  });
});

test('a socket that leaves a topic and comes back at once gets nothing twice', async () => {
  const broker = new FakeBroker();
  const server = await sharedServer(broker);
  const ws = await subscriber(server, 'a');
  await turns();
  for (const { resolve } of broker.take()) resolve();
  const [socket] = server.connections;
  broker.onMessage!('a', payloadOf('a', 1, 'm1'));
  broker.onMessage!('a', payloadOf('a', 2, 'm2'));
  socket.unsubscribe('a');
  socket.subscribe('a');
  for (const sequence of [2, 3]) broker.onMessage!('a', payloadOf('a', sequence, `m${sequence}`));
  expect(await nextTexts(ws, 3)).toEqual(['m1', 'm2', 'm3']);
});

test('a server that is not made, as its broker is none, leaves the HTTP server alone', async () => {
  const http = createServer();
  const before = http.listenerCount('upgrade');
  const used = new FakeBroker();
  await sharedServer(used);
  for (const broker of [used, {} as Broker]) {
    expect(() => acceptUpgrades(http, { broker })).toThrow(TypeError);
    await expect((async () => serve({ server: http, broker }))()).rejects.toThrow(TypeError);
  }
  expect(http.listenerCount('upgrade')).toBe(before);
  const upgrades = acceptUpgrades(http, { broker: new FakeBroker() });
  await upgrades.close({ timeout: 50 });
});

test('a broker is not opened after its server has ended', async () => {
  let opened = 0;
  const broker = Object.assign(new FakeBroker(), { open: () => void opened++ });
  const closed = publisher(broker).close();
  await closed;
  await turns();
  expect([opened, broker.isClosed]).toEqual([0, true]);
});

test('a server that cannot listen releases its broker', async () => {
  const { port } = await sharedServer(new FakeBroker());
  const broker = new FakeBroker();
  await expect(serve({ port, host: '127.0.0.1', broker })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await until(() => broker.isClosed);
});

describe('the option broker', () => {
  test.each<[string, unknown, string | RegExp]>([
    ['a string', 'redis://localhost', /broker must be what redis, nats or cluster returns/],
    ['an object without methods', {}, /must have a method publish/],
    ['a size that is no number', { ...emitter(), maxBuffered: '1' }, /maxBuffered must be a number of bytes, not "1"/],
    ['a size of none', { ...emitter(), maxMessage: 0 }, /maxMessage must be 1 or more bytes, not 0/],
    ['a key that is too short', { ...emitter(), key: 'short' }, /key must have 16 bytes or more/],
    ['a prefix that is no string', { ...emitter(), prefix: 1 }, /prefix must be a string, not 1/],
  ])('refuses %s', async (_, broker, message) => {
    await expect((async () => serve({ port: 0, broker: broker as Broker }))()).rejects.toThrow(message);
    expect(() => acceptUpgrades(createServer(), { broker: broker as Broker })).toThrow(message);
  });

  function emitter() {
    const nothing = () => {};
    return { status: 'up', publish: nothing, subscribe: nothing, unsubscribe: nothing, close: nothing };
  }

  test('takes a broker once', async () => {
    const broker = new EmitterBroker(newBus());
    await sharedServer(broker);
    await expect((async () => serve({ port: 0, broker }))()).rejects.toThrow(/serves another server already/);
  });

  test('without it, there is none', async () => {
    const server = await sharedServer(undefined as never);
    expect(server.broker).toBeNull();
  });
});
