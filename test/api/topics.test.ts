import { createServer } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkTopic, Topics } from '../../src/api/topics.js';
import { newWebSocket, Opcode, ReadyState, type WebSocket } from '../../src/index.js';
import { SEED } from '../support/codecs.js';
import { parseFrame } from '../support/frame-parser.js';
import { frameFor } from '../support/framer.js';
import { heldMemory } from '../support/memory.js';
import { type RawPeer, rawWebSocket } from '../support/raw-peer.js';
import { awaiting, connected, listening, until, withResolvers } from '../support/servers.js';
import { writesOf } from '../support/sockets.js';
import { nextFrame, nextText, restOf, topicServer } from '../support/subscribers.js';

describe('publish', () => {
  test('reaches every subscriber of the topic and nobody else, and tells how many', async () => {
    const { server, join } = await topicServer();
    const [a, b, other, none] = [await join('news'), await join('x', 'news'), await join('other'), await join()];
    expect(server.publish('news', 'hello')).toBe(2);
    for (const { peer } of [a, b]) expect(await nextText(peer)).toBe('hello');
    for (const joined of [a, b, other, none]) expect(await restOf(joined)).toBe('');
  });

  test('of a socket leaves out the socket itself', async () => {
    const { server, join } = await topicServer();
    const [a, b, c] = [await join('news'), await join('news'), await join('news')];
    expect(a.ws.publish('news', 'from a')).toBe(2);
    for (const { peer } of [b, c]) expect(await nextText(peer)).toBe('from a');
    expect(await restOf(a)).toBe('');
    expect(server.subscriberCount('news')).toBe(3);
  });

  test('of a socket works whether or not it has subscribed', async () => {
    const { join } = await topicServer();
    const [a, b] = [await join(), await join('news')];
    expect(a.ws.publish('news', 'x')).toBe(1);
    expect(await nextText(b.peer)).toBe('x');
    expect(b.ws.publish('news', 'to nobody')).toBe(0);
    expect(await restOf(b)).toBe('');
  });

  test('takes what send takes: strings are Text, bytes are Binary, unless the opcode says otherwise', async () => {
    const { server, join } = await topicServer();
    const { peer } = await join('t');
    server.publish('t', 'ü');
    server.publish('t', Buffer.from([0, 255]));
    server.publish('t', new Uint16Array([0x0201]));
    server.publish('t', new ArrayBuffer(1));
    server.publish('t', new SharedArrayBuffer(1));
    server.publish('t', Buffer.from('ü'), Opcode.Text);
    server.publish('t', 'ü', Opcode.Binary);
    server.publish('t', '');
    const frames = [];
    for (let i = 0; i < 8; i++) frames.push(await nextFrame(peer));
    expect(frames.map(({ opcode, payload }) => `${opcode} ${payload.toString('hex')}`)).toEqual([
      '1 c3bc',
      '2 00ff',
      '2 0102',
      '2 00',
      '2 00',
      '1 c3bc',
      '2 c3bc',
      '1 ',
    ]);
  });

  test('lone surrogates become U+FFFD', async () => {
    const { server, join } = await topicServer();
    const { peer } = await join('t');
    server.publish('t', 'a\ud800b');
    expect(await nextText(peer)).toBe('a\ufffdb');
  });

  test('copies: the bytes are the caller’s again at once', async () => {
    const { server, join } = await topicServer();
    const subscribers = [await join('t'), await join('t')];
    for (const size of [10, 5000, 100_000]) {
      const bytes = Buffer.alloc(size, 1);
      server.publish('t', bytes);
      bytes.fill(2);
      for (const { peer } of subscribers) {
        expect((await nextFrame(peer)).payload.equals(Buffer.alloc(size, 1))).toBe(true);
      }
    }
  });

  test('of a view that zeroCopy hands out reaches the others whole', async () => {
    const { join } = await topicServer({ zeroCopy: true, message: (ws, data) => void ws.publish('t', data) });
    const [speaker, a, b] = [await join('t'), await join('t'), await join('t')];
    const payload = Buffer.alloc(100_000, 'abc');
    speaker.peer.write(frameFor('server', 2, payload));
    for (const { peer } of [a, b]) expect((await nextFrame(peer)).payload.equals(payload)).toBe(true);
  });

  test('keeps the order of all that is sent and published', async () => {
    const { server, join } = await topicServer();
    const { ws, peer } = await join('t');
    ws.send('1');
    server.publish('t', '2');
    ws.send('3');
    server.publish('t', 'x'.repeat(100_000));
    server.publish('t', '5');
    ws.send('6');
    const texts = [];
    for (let i = 0; i < 6; i++) texts.push((await nextText(peer)).slice(0, 2));
    expect(texts).toEqual(['1', '2', '3', 'xx', '5', '6']);
  });

  test('many in one turn, and sends, leave in one write for each subscriber', async () => {
    const { server, join } = await topicServer();
    const subscribers = [await join('t'), await join('t'), await join('t')];
    const writes = subscribers.map(({ ws }) => writesOf(ws.request!.socket));
    for (let i = 0; i < 50; i++) server.publish('t', `${i}`);
    for (const { ws } of subscribers) ws.send('last');
    for (const { peer } of subscribers) {
      for (let i = 0; i < 50; i++) expect(await nextText(peer)).toBe(`${i}`);
      expect(await nextText(peer)).toBe('last');
    }
    expect(writes.map(({ length }) => length)).toEqual([1, 1, 1]);
  });

  test('to nobody is 0, and frames nothing', () => {
    const frames: Uint8Array[] = [];
    const topics = new Topics<object>((_subscriber, message) => frames.push(message.plain) > 0);
    const [a, b] = [{}, {}];
    for (const subscriber of [a, b]) topics.add('t', subscriber);
    topics.add('only a', a);
    // Small frames stand one behind the other, unless a chunk ends between them: then the next ones do.
    const isNextTo = () => {
      frames.length = 0;
      topics.publish('t', 'x', undefined, null);
      expect(topics.publish('nobody', 'y', undefined, null)).toBe(0);
      expect(topics.publish('only a', 'y', undefined, a)).toBe(0);
      topics.publish('t', 'z', undefined, null);
      const [first, , second] = frames;
      return first.byteOffset + first.length === second.byteOffset;
    };
    expect(isNextTo() || isNextTo()).toBe(true);
  });

  test('encodes a message once for all', () => {
    const frames: Uint8Array[] = [];
    const topics = new Topics<object>((_subscriber, message) => frames.push(message.plain) > 0);
    for (let i = 0; i < 10; i++) topics.add('t', {});
    expect(topics.publish('t', 'x', undefined, null)).toBe(10);
    expect(new Set(frames).size).toBe(1);
    expect(parseFrame(Buffer.from(frames[0]))?.frame.payload.toString()).toBe('x');
  });

  test('skips a socket that is closing, or was hung up in this turn', async () => {
    const { server, join } = await topicServer();
    const [open, closing, gone] = [await join('t'), await join('t'), await join('t')];
    closing.ws.close(1000, 'bye');
    gone.ws.hangup();
    expect(server.publish('t', 'x')).toBe(1);
    expect(await nextText(open.peer)).toBe('x');
    expect((await nextFrame(closing.peer)).opcode).toBe(Opcode.Close);
    expect((await gone.peer.takeAll()).length).toBe(0);
  });
});

/** Counts the system calls with which a socket is written to. */
describe('a topic', () => {
  test.each(['', ' ', '#', 'a/b', '*', '__proto__', 'constructor', 'é', 'e\u0301', '\ud800', '\0', 'x'.repeat(10_000)])(
    'is an exact string: %j',
    async (topic) => {
      const { server, join } = await topicServer();
      const { ws, peer } = await join(topic);
      const others = [`${topic}x`, `x${topic}`, topic.normalize(), topic.toUpperCase(), 'a/+', 'toString', '\udc00'];
      for (const other of others) {
        if (other !== topic) expect(server.publish(other, 'no')).toBe(0);
      }
      expect(ws.topics).toEqual([topic]);
      expect(server.publish(topic, 'yes')).toBe(1);
      expect(await nextText(peer)).toBe('yes');
    },
  );

  test('is its server’s own', async () => {
    const [one, two] = [await topicServer(), await topicServer()];
    const [a, b] = [await one.join('t'), await two.join('t')];
    expect(one.server.publish('t', 'x')).toBe(1);
    expect(a.ws.publish('t', 'x')).toBe(0);
    expect(two.server.subscriberCount('t')).toBe(1);
    expect(await restOf(b)).toBe('');
  });

  test('of acceptUpgrades is that of its object, with several on one HTTP server', async () => {
    const { http, upgrades, port } = await awaiting(
      async (request) => {
        const ws = await newWebSocket(request);
        ws.subscribe('t');
        await ws.closed;
      },
      { path: '/awaited' },
    );
    const handled = await topicServer({ server: http, path: '/handled' });
    const awaited = await rawWebSocket(port, {}, '/awaited');
    await rawWebSocket(port, {}, '/handled');
    expect(upgrades.subscriberCount('t')).toBe(1);
    expect(handled.server.subscriberCount('t')).toBe(0);
    expect(upgrades.publish('t', 'x')).toBe(1);
    expect(await nextText(awaited)).toBe('x');
    const [ws] = upgrades.connections;
    expect(ws.publish('t', 'x')).toBe(0);
  });

  test.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [5, '5'],
    [Symbol('s'), 'Symbol(s)'],
    [['a'], 'an array'],
    [Buffer.from('a'), 'an object'],
  ])('must be a string: TypeError with the value for %j', async (topic, shown) => {
    const { server, join } = await topicServer();
    const { ws } = await join('undefined', 'a', '5');
    const calls = [
      () => ws.subscribe(topic as never),
      () => ws.unsubscribe(topic as never),
      () => ws.publish(topic as never, 'x'),
      () => server.publish(topic as never, 'x'),
      () => server.subscriberCount(topic as never),
      () => checkTopic(topic),
    ];
    for (const call of calls) {
      expect(call).toThrow(TypeError);
      expect(call).toThrow(`topic must be a string, not ${shown}`);
    }
    expect(ws.topics).toEqual(['undefined', 'a', '5']);
  });
});

describe('what may not be published is a TypeError, with subscribers and without', () => {
  test.each([
    ['no data', undefined],
    ['a number', 5],
    ['null', null],
    ['an array', [1]],
    ['an object', {}],
    ['a Ping', 'x', Opcode.Ping],
    ['a Pong', 'x', Opcode.Pong],
    ['a Close', 'x', Opcode.Close],
    ['a continuation', 'x', Opcode.Cont],
    ['an opcode that is none', 'x', 3],
    ['an opcode that is no number', 'x', '1'],
    ['Text that is not UTF-8', Buffer.from([0xff]), Opcode.Text],
  ])('%s', async (_title, data, opcode?) => {
    const { server, join } = await topicServer();
    const joined = await join('t');
    for (const topic of ['t', 'nobody']) {
      expect(() => server.publish(topic, data as never, opcode as never)).toThrow(TypeError);
      expect(() => joined.ws.publish(topic, data as never, opcode as never)).toThrow(TypeError);
    }
    expect(await restOf(joined)).toBe('');
  });
});

describe('subscribing', () => {
  test('twice is once', async () => {
    const { server, join } = await topicServer();
    const joined = await join('t', 't');
    expect(joined.ws.topics).toEqual(['t']);
    expect(server.subscriberCount('t')).toBe(1);
    expect(server.publish('t', 'x')).toBe(1);
    expect(await restOf(joined)).toBe('x');
    expect(joined.ws.unsubscribe('t')).toBe(true);
    expect(server.subscriberCount('t')).toBe(0);
  });

  test('ends with unsubscribe, which tells whether there was anything to end', async () => {
    const { server, join } = await topicServer();
    const [a, b] = [await join('t', 'u'), await join('t')];
    expect(a.ws.unsubscribe('t')).toBe(true);
    expect(a.ws.unsubscribe('t')).toBe(false);
    expect(a.ws.unsubscribe('never')).toBe(false);
    expect(a.ws.topics).toEqual(['u']);
    expect([server.subscriberCount('t'), server.subscriberCount('u'), server.subscriberCount('never')]).toEqual([
      1, 1, 0,
    ]);
    expect(server.publish('t', 'x')).toBe(1);
    expect(await nextText(b.peer)).toBe('x');
    expect(await restOf(a)).toBe('');
    a.ws.subscribe('t');
    expect(server.publish('t', 'y')).toBe(2);
    expect(await nextText(a.peer)).toBe('y');
  });

  test('topics is a list of its own, in the order of subscribing', async () => {
    const { join } = await topicServer();
    const { ws } = await join();
    expect(ws.topics).toEqual([]);
    for (const topic of ['b', 'a', 'b']) ws.subscribe(topic);
    const before = ws.topics;
    (before as string[]).push('forged');
    expect(ws.topics).toEqual(['b', 'a']);
    expect(ws.unsubscribe('forged')).toBe(false);
  });

  test('works in open, before the first message', async () => {
    const { server, port } = await topicServer({ open: (ws) => ws.subscribe('t') });
    const peer = await rawWebSocket(port);
    expect(server.publish('t', 'x')).toBe(1);
    expect(await nextText(peer)).toBe('x');
  });

  test('throws a TypeError on a socket that was accepted through neither serve nor acceptUpgrades', async () => {
    const { promise, resolve } = withResolvers<WebSocket>();
    const http = createServer();
    http.on('upgrade', (request, socket, head) => {
      newWebSocket(request, undefined, { socket, head }).then(resolve);
    });
    const port = await listening(http);
    await rawWebSocket(port);
    const accepted = await promise;
    const client = await connected((await topicServer()).url);
    for (const ws of [accepted, client]) {
      expect(() => ws.subscribe('t')).toThrow(TypeError);
      expect(() => ws.subscribe('t')).toThrow('serve or acceptUpgrades');
      expect(() => ws.publish('t', 'x')).toThrow(TypeError);
      expect(ws.unsubscribe('t')).toBe(false);
      expect(ws.topics).toEqual([]);
    }
  });
});

describe('closing', () => {
  test.each([
    ['a closing handshake of the peer', (peer) => peer.write(frameFor('server', 8, ''))],
    ['a lost connection', (peer) => peer.reset()],
    ['hangup', (_peer, ws) => ws.hangup()],
    ['a fault of the peer', (peer) => peer.write('\xff\xff')],
  ] as [string, (peer: RawPeer, ws: WebSocket) => void][])(
    'unsubscribes before close fires: %s',
    async (_title, end) => {
      const seen: unknown[] = [];
      const { server, join } = await topicServer({
        close: (ws) => void seen.push(ws.topics, server.subscriberCount('t'), server.publish('t', 'x')),
      });
      const { ws, peer } = await join('t', 'u');
      end(peer, ws);
      await until(() => seen.length > 0);
      expect(seen).toEqual([[], 0, 0]);
      expect(server.subscriberCount('u')).toBe(0);
    },
  );

  test('unsubscribes before closed resolves and before the last receive rejects', async () => {
    const seen: unknown[] = [];
    const { upgrades, port } = await awaiting(async (request) => {
      const ws = await newWebSocket(request);
      ws.subscribe('t');
      const note = () => void seen.push(upgrades.subscriberCount('t'), ws.topics.length);
      await Promise.all([ws.closed.then(note), ws.receivePacket().catch(note)]);
    });
    const peer = await rawWebSocket(port);
    expect(upgrades.subscriberCount('t')).toBe(1);
    peer.write(frameFor('server', 8, ''));
    await until(() => seen.length === 4);
    expect(seen).toEqual([0, 0, 0, 0]);
  });

  test('a socket may say goodbye to the others in close', async () => {
    const counts: number[] = [];
    const { join } = await topicServer({ close: (ws) => void counts.push(ws.publish('t', 'gone')) });
    const [leaver, other] = [await join('t'), await join('t')];
    leaver.peer.reset();
    expect(await nextText(other.peer)).toBe('gone');
    expect(counts).toEqual([1]);
  });

  test('a socket that is not open subscribes to nothing', async () => {
    const { server, join } = await topicServer();
    const [closing, gone] = [await join('t'), await join()];
    void closing.ws.close();
    closing.ws.subscribe('u');
    gone.ws.hangup();
    gone.ws.subscribe('u');
    expect(closing.ws.topics).toEqual(['t']);
    closing.peer.write(frameFor('server', 8, Buffer.from([3, 232])));
    await Promise.all([closing.ws.closed, gone.ws.closed]);
    closing.ws.subscribe('t');
    expect(closing.ws.readyState).toBe(ReadyState.Closed);
    expect(closing.ws.topics).toEqual([]);
    expect([server.subscriberCount('t'), server.subscriberCount('u')]).toEqual([0, 0]);
    expect(closing.ws.unsubscribe('t')).toBe(false);
  });
});

describe('what user code does in the middle of a publish does not disturb it', () => {
  /** Topics whose subscriber 2 runs `act` while it is offered a frame. */
  function acting(act: (topics: Topics<{ id: number }>, all: { id: number }[]) => void) {
    const all = [1, 2, 3, 4].map((id) => ({ id }));
    const offered: string[] = [];
    let acted = false;
    const topics = new Topics<{ id: number }>(({ id }, message) => {
      offered.push(`${id}${parseFrame(Buffer.from(message.plain))?.frame.payload}`);
      if (id !== 2 || acted) return true;
      acted = true;
      act(topics, all);
      return false;
    });
    for (const subscriber of all) topics.add('t', subscriber);
    const accepted = topics.publish('t', 'a', undefined, null);
    return { accepted, offered, topics };
  }

  test('subscribing', () => {
    const { accepted, offered, topics } = acting((topics) => topics.add('t', { id: 5 }));
    expect(offered).toEqual(['1a', '2a', '3a', '4a']);
    expect(accepted).toBe(3);
    expect(topics.publish('t', 'b', undefined, null)).toBe(5);
  });

  test('unsubscribing, be it of all', () => {
    const { offered, topics } = acting((topics, all) => {
      for (const subscriber of all) topics.delete('t', subscriber);
    });
    expect(offered).toEqual(['1a', '2a', '3a', '4a']);
    expect(topics.publish('t', 'b', undefined, null)).toBe(0);
    expect(topics.subscriberCount('t')).toBe(0);
  });

  test('unsubscribing and subscribing again: nobody gets a message twice', () => {
    const { offered } = acting((topics, all) => {
      for (const subscriber of all) {
        topics.delete('t', subscriber);
        topics.add('t', subscriber);
      }
    });
    expect(offered).toEqual(['1a', '2a', '3a', '4a']);
  });

  test('publishing', () => {
    const { offered } = acting((topics, all) => {
      topics.delete('t', all[2]);
      topics.add('t', { id: 5 });
      topics.publish('t', 'b', undefined, all[0]);
    });
    expect(offered).toEqual(['1a', '2a', '2b', '4b', '5b', '3a', '4a']);
  });
});

test('what nobody subscribes to any more, and who subscribes to nothing any more, holds no memory', () => {
  const topics = new Topics<object>(() => true);
  const rounds = (count: number) => {
    for (let i = 0; i < count; i++) {
      const subscriber = {};
      topics.add(`topic ${i}`, subscriber);
      topics.add(`other ${i}`, subscriber);
      topics.delete(`topic ${i}`, subscriber);
      if (i % 2 === 0) topics.deleteAll(subscriber);
      else topics.delete(`other ${i}`, subscriber);
    }
  };
  rounds(1000);
  const before = heldMemory().heap;
  rounds(20_000);
  // An entry for each would be more than three times as much.
  expect(heldMemory().heap - before).toBeLessThan(600_000);
});

test('any sequence of subscribing, unsubscribing and publishing does what a naive list does', () => {
  const someone = fc.nat(5);
  const topic = fc.constantFrom('a', 'b', '');
  const step = fc.record({
    act: fc.constantFrom('add', 'add', 'delete', 'leave', 'publish', 'count'),
    topic,
    who: someone,
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const all = [0, 1, 2, 3, 4, 5].map((id) => ({ id }));
      const pairs = new Set<string>();
      const got: number[] = [];
      const topics = new Topics<{ id: number }>(({ id }) => got.push(id) > 0);
      const membersOf = (name: string) => all.filter(({ id }) => pairs.has(`${id}${name}`)).map(({ id }) => id);
      for (const { act, topic: name, who } of steps) {
        if (act === 'add') {
          topics.add(name, all[who]);
          pairs.add(`${who}${name}`);
        } else if (act === 'delete') {
          expect(topics.delete(name, all[who])).toBe(pairs.delete(`${who}${name}`));
        } else if (act === 'leave') {
          topics.deleteAll(all[who]);
          for (const each of ['a', 'b', '']) pairs.delete(`${who}${each}`);
        } else if (act === 'count') {
          expect(topics.subscriberCount(name)).toBe(membersOf(name).length);
          // A set keeps the order in which its members came, and so does the list of one's topics.
          const own = [...pairs].filter((pair) => pair.startsWith(`${who}`)).map((pair) => pair.slice(1));
          expect(topics.of(all[who])).toEqual(own);
        } else {
          got.length = 0;
          const expected = membersOf(name).filter((id) => id !== who);
          expect(topics.publish(name, 'x', undefined, all[who])).toBe(expected.length);
          expect(got.sort()).toEqual(expected);
        }
      }
    }),
    { seed: SEED },
  );
});
