import { expect, onTestFinished, test, vi } from 'vitest';
import { publisher } from '../../src/index.js';
import { type NatsSettings, nats } from '../../src/nats.js';
import { natsServer, startNats } from '../support/broker-servers.js';
import { natsConfig, payloadOf, quickNats, rawNats, subjectOf } from '../support/nats.js';
import { describePeer } from '../support/peers.js';
import { connected, until } from '../support/servers.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';
import { turns } from '../support/waiting.js';

const texts = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `m${from + i}`);

test.each<[string, () => unknown, RegExp]>([
  ['neither options nor a function', () => nats('localhost' as never), /options of connect, or a function/],
  ['an option that there is not', () => nats({}, { sharded: true } as never), /no option "sharded"/],
  ['a prefix that is none of subjects', () => nats({}, { prefix: 'a.>.' }), /must begin a subject/],
  ['a prefix that leaves no room', () => nats({}, { prefix: 'a'.repeat(513) }), /at most 512 characters/],
])('refuses %s', (_, call, message) => {
  expect(call).toThrow(message);
});

test('gives its settings to a function, which may fail', async () => {
  const given: NatsSettings[] = [];
  const errors: Error[] = [];
  const broker = nats(async (settings) => {
    given.push(settings);
    if (given.length === 1) throw new Error('not yet');
    return undefined as never;
  });
  await sharedServer(broker, { error: (error) => errors.push(error) });
  await until(() => given.length >= 3);
  expect(given[0]).toMatchObject({ maxReconnectAttempts: -1, ignoreAuthErrorAbort: true, noEcho: true });
  expect(given[0].pingInterval).toBeLessThanOrEqual(5000);
  expect(given[0].reconnectDelayHandler).toBeTypeOf('function');
  expect(broker.status).toBe('connecting');
});

test('broker.A-11: waits for each attempt as long as it said, at random, and longer from attempt to attempt', async () => {
  let tell!: (event: { type: string }) => void;
  async function* status() {
    for (;;) yield await new Promise<{ type: string }>((resolve) => (tell = resolve));
  }
  let delay!: () => number;
  const broker = nats(async (settings) => {
    delay = settings.reconnectDelayHandler as () => number;
    const never = new Promise<void>(() => {});
    const done = async () => {};
    return {
      status,
      closed: () => never,
      flush: done,
      close: done,
      publish() {},
      subscribe: () => ({ unsubscribe() {} }),
    };
  });
  await sharedServer(broker);
  await until(() => broker.status === 'up');
  const delays: number[] = [];
  for (let i = 0; i < 60; i++) {
    tell({ type: 'reconnecting' });
    await new Promise(setImmediate);
    delays.push(delay());
    expect(delay()).toBe(delays[i]);
  }
  expect(Math.max(...delays.slice(0, 2))).toBeLessThanOrEqual(400);
  expect(Math.max(...delays)).toBeGreaterThan(5000);
  expect(Math.max(...delays)).toBeLessThanOrEqual(10_000);
  expect(new Set(delays).size).toBeGreaterThan(40);
});

describePeer(natsServer(), () => {
  const options = (port: number) => ({ servers: `127.0.0.1:${port}` });

  test('carries messages between servers', async () => {
    const { port } = await startNats();
    const newBroker = () => nats(options(port));
    const [one, other] = [await sharedServer(newBroker()), await sharedServer(newBroker())];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    for (let i = 0; i < 1000; i++) one.publish('a', `m${i}`);
    expect(await nextTexts(ws, 1000)).toEqual(texts(1000));
    await one.broker!.published;
  });

  test('broker.A-01: what listeners throw does not stop it', async () => {
    const { port } = await startNats();
    const error = vi.spyOn(console, 'error').mockReturnValue();
    onTestFinished(() => error.mockRestore());
    const server = await sharedServer(nats(options(port)), {
      error: () => {
        throw new Error('of the handler');
      },
    });
    server.broker!.on('gap', () => {
      throw new Error('of the listener');
    });
    const ws = await subscriber(server, 'a');
    const job = publisher(nats(options(port)));
    onTestFinished(() => job.close());
    await reaches(job, ws, 'a');
    const raw = await rawNats(port);
    for (let i = 1; i <= 10; i++) raw.publish(subjectOf('a'), payloadOf('a', 2 * i, `m${i}`));
    expect(await nextTexts(ws, 10)).toEqual(texts(10, 1));
    expect(server.broker!.gaps).toBe(9);
    raw.publish(subjectOf('a'), payloadOf('a', 21, 'm11'));
    expect(await nextTexts(ws, 1)).toEqual(['m11']);
  });

  test('broker.A-07 broker.N-05: takes topics that mean something in subjects, or are too long for one', async () => {
    const { port } = await startNats();
    const [one, other] = [await sharedServer(nats(options(port))), await sharedServer(nats(options(port)))];
    const topics = ['>', '*', 'a.*', 'a.b', 'a b', 'a\r\nPUB b 1\r\nx', '\0', ' ', 'ä€😀', '.', 'a'];
    for (const length of [700, 800, 4000, 5000, 65_535]) topics.push('x'.repeat(length));
    const clients = [];
    for (const topic of topics) clients.push(await subscriber(other, topic));
    for (const [i, ws] of clients.entries()) await reaches(one, ws, topics[i]);
    for (const topic of topics) one.publish(topic, `of ${topic.length} ${topic.slice(0, 20)}`);
    for (const [i, ws] of clients.entries()) {
      expect(await nextTexts(ws, 1)).toEqual([`of ${topics[i].length} ${topics[i].slice(0, 20)}`]);
    }
    for (const topic of topics) one.publish(topic, 'end');
    for (const ws of clients) expect(await nextTexts(ws, 1)).toEqual(['end']);
    expect([one.broker!.gaps, other.broker!.gaps, one.broker!.dropped]).toEqual([0, 0, 0]);
    expect(() => one.publish('x'.repeat(65_536), '')).toThrow(/at most 65535 bytes/);
  });

  test('broker.A-07: takes the empty topic', async () => {
    const { port } = await startNats();
    const other = await sharedServer(nats(options(port)), { open: (ws) => void ws.subscribe('') });
    const ws = await connected(`ws://127.0.0.1:${other.port}`);
    const job = publisher(nats(options(port)));
    onTestFinished(() => job.close());
    await reaches(job, ws, '');
    job.publish('', 'x');
    expect(await nextTexts(ws, 1)).toEqual(['x']);
  });

  test('broker.A-08: with different prefixes, servers do not hear each other', async () => {
    const { port } = await startNats();
    const [one, two] = ['one.', 'two.'].map((prefix) => publisher(nats(options(port), { prefix })));
    onTestFinished(async () => void (await Promise.all([one.close(), two.close()])));
    const server = await sharedServer(nats(options(port), { prefix: 'two.' }));
    const ws = await subscriber(server, 'a');
    await reaches(two, ws, 'a');
    one.publish('a', 'of one');
    await one.published;
    two.publish('a', 'of two');
    expect(await nextTexts(ws, 1)).toEqual(['of two']);
    expect(server.broker!.rejected).toMatchObject({ format: 0, topic: 0 });
  });

  test('broker.A-09: with a key, takes only what is signed with it', async () => {
    const { port } = await startNats();
    const key = 'a secret of 16 bytes or more';
    const [signing, without] = [publisher(nats(options(port), { key })), publisher(nats(options(port)))];
    onTestFinished(async () => void (await Promise.all([signing.close(), without.close()])));
    const server = await sharedServer(nats(options(port), { key }));
    const ws = await subscriber(server, 'a');
    await reaches(signing, ws, 'a');
    without.publish('a', 'not signed');
    await without.published;
    signing.publish('a', 'signed');
    expect(await nextTexts(ws, 1)).toEqual(['signed']);
    expect(server.broker!.rejected.signature).toBe(1);
  });

  test('broker.A-09: drops and counts what somebody else has written', async () => {
    const { port } = await startNats();
    const server = await sharedServer(nats(options(port)));
    const ws = await subscriber(server, 'a');
    const job = publisher(nats(options(port)));
    onTestFinished(() => job.close());
    await reaches(job, ws, 'a');
    const raw = await rawNats(port);
    const good = payloadOf('a', 1, 'good');
    raw.publish(subjectOf('a'));
    raw.publish(subjectOf('a'), 'garbage that is longer than thirty bytes');
    for (let length = 0; length < good.length; length++) raw.publish(subjectOf('a'), good.subarray(0, length));
    raw.publish(subjectOf('a'), payloadOf('b', 1, 'of another topic'));
    raw.publish(subjectOf('a'), Buffer.concat([good.subarray(0, 2), Buffer.of(2), good.subarray(3)]));
    // Text that is no UTF-8, for which every client would end its connection.
    raw.publish(subjectOf('a'), Buffer.concat([good.subarray(0, -4), Buffer.alloc(4, 0xff)]));
    raw.publish(subjectOf('a'), good);
    expect(await nextTexts(ws, 1)).toEqual(['good']);
    const { format, version, topic, frame } = server.broker!.rejected;
    expect([version, topic, format + frame]).toEqual([1, 1, good.length + 3]);
  });

  test('broker.A-10: delivers here, and drops with a word, what is longer than the server takes', async () => {
    const { port } = await startNats(...natsConfig('max_payload: 1000'));
    const [one, other] = [await sharedServer(nats(options(port))), await sharedServer(nats(options(port)))];
    const [here, there] = [await subscriber(one, 'a'), await subscriber(other, 'a')];
    await reaches(one, there, 'a');
    await until(() => one.broker!.buffered === 0);
    const drops: unknown[] = [];
    one.broker!.on('dropped', (drop) => drops.push(drop));
    one.publish('a', 'x'.repeat(2000));
    const published = expect(one.broker!.published).rejects.toMatchObject({ code: 'WASOCK_BROKER_DROPPED' });
    await until(() => drops.length > 0);
    expect(drops).toEqual([{ topic: 'a', bytes: expect.any(Number) }]);
    await published;
    const gap = new Promise((resolve) => other.broker!.once('gap', resolve));
    one.publish('a', 'short');
    expect(await nextTexts(there, 1)).toEqual(['short']);
    expect(await gap).toMatchObject({ topic: 'a' });
    let text = '';
    while (text === '' || text.includes('probe')) [text] = await nextTexts(here, 1);
    expect([text.length, await nextTexts(here, 1)]).toEqual([2000, ['short']]);
  });

  test('broker.A-05: nobody gets a message twice if the server sends it back', async () => {
    const { port } = await startNats();
    const server = await sharedServer(quickNats(port, {}, { noEcho: false }).broker);
    const ws = await subscriber(server, 'a');
    const raw = await rawNats(port);
    let echoes = 0;
    raw.subscribe('>', { callback: () => void echoes++ });
    await raw.flush();
    await until(() => server.broker!.status === 'up');
    for (let i = 0; i < 100; i++) server.publish('a', `m${i}`);
    await server.broker!.published;
    await until(() => echoes === 100);
    server.publish('a', 'end');
    expect(await nextTexts(ws, 101)).toEqual([...texts(100), 'end']);
    expect(server.broker!.gaps).toBe(0);
  });

  test('of what it may not publish it says so', async () => {
    const permissions = '{ publish: { deny: ["wasock.tYQ"] }, subscribe: { deny: ["wasock.tYg"] } }';
    const config = `authorization { users = [{ user: u, password: p, permissions: ${permissions} }] }`;
    const { port } = await startNats(...natsConfig(config));
    const errors: Error[] = [];
    const newBroker = () => nats({ ...options(port), user: 'u', pass: 'p' });
    const [one, other] = [
      await sharedServer(newBroker()),
      await sharedServer(newBroker(), { error: (e) => errors.push(e) }),
    ];
    const ws = await subscriber(other, 'c');
    await reaches(one, ws, 'c');
    await one.broker!.published;
    for (const topic of ['c', 'a', 'c', 'a']) one.publish(topic, 'x');
    await expect(one.broker!.published).rejects.toThrow(/^2 message\(s\) were dropped/);
    expect(one.broker!.dropped).toBe(2);
    expect(await nextTexts(ws, 2)).toEqual(['x', 'x']);
    await subscriber(other, 'b');
    await until(() => errors.length > 0);
    expect(errors[0].message).toBe('NATS does not let us subscribe to wasock.tYg');
    expect([one.broker!.status, other.broker!.status]).toEqual(['up', 'up']);
  });

  test('takes 10,000 topics at once', async () => {
    const { port } = await startNats();
    const topics = Array.from({ length: 10_000 }, (_, i) => `topic ${i}`);
    const other = await sharedServer(nats(options(port)), {
      open: (ws) => {
        for (const topic of topics) ws.subscribe(topic);
      },
    });
    const ws = await connected(`ws://127.0.0.1:${other.port}`);
    const job = publisher(nats(options(port)));
    onTestFinished(() => job.close());
    await reaches(job, ws, topics[9999]);
    for (const topic of topics) job.publish(topic, topic);
    expect(await nextTexts(ws, 10_000)).toEqual(topics);
  });
});

test('broker.N-01: a client that does not reconnect is replaced', async () => {
  let connections = 0;
  let isClosed = false;
  const connect = async () => {
    const isFirst = ++connections === 1;
    return {
      publish: () => {},
      subscribe: () => ({ unsubscribe: () => {} }),
      flush: async () => {},
      closed: () => new Promise<void>(() => {}),
      close: async () => {
        isClosed = true;
      },
      async *status() {
        await turns(20);
        if (isFirst) yield { type: 'disconnect' };
        await new Promise(() => {});
      },
    };
  };
  const server = await sharedServer(nats(connect));
  await until(() => connections === 2 && server.broker!.status === 'up');
  expect(isClosed).toBe(true);
});
