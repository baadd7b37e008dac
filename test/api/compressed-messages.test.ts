import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket as NpmWebSocket, WebSocketServer } from 'ws';
import { type CompressionOptions, newWebSocket, Opcode, prepare, type WebSocket } from '../../src/index.js';
import { SEED } from '../support/codecs.js';
import { deflated, inflated } from '../support/deflate-stream.js';
import { frameFor } from '../support/framer.js';
import { rawWebSocket } from '../support/raw-peer.js';
import { aWhile, awaiting, connected, served, until, withResolvers } from '../support/servers.js';
import { nextFrame } from '../support/subscribers.js';

const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
const LIMITS = { maxPayload: 2 ** 24, maxBackpressure: 2 ** 28 };

/** A message of a kind, of so many bytes: what shrinks, what shrinks a lot, and what does not. */
function messageOf(kind: 'json' | 'same' | 'noise', size: number, isText: boolean): string | Buffer {
  let bytes = Buffer.alloc(size, 'ü');
  if (kind === 'json') bytes = Buffer.from(`{"id":${size},"name":"ü"},`.repeat(size / 16 + 1)).subarray(0, size);
  if (kind === 'noise') {
    for (let at = 0; at < size; at += 32) createHash('sha256').update(`${size} ${at}`).digest().copy(bytes, at);
    if (isText) bytes = Buffer.from(bytes.toString('base64')).subarray(0, size);
  }
  return isText ? bytes.toString('utf8') : bytes;
}

const isSame = (one: unknown, other: string | Buffer) =>
  typeof one === typeof other && Buffer.from(one as string).equals(Buffer.from(other as string));

describe('any messages come back in their order', () => {
  const message = fc.record({
    kind: fc.constantFrom('json' as const, 'same' as const, 'noise' as const),
    size: fc.oneof(fc.nat(300), fc.nat(5000), fc.constantFrom(32_769, 65_536, 70_000, 262_144, 300_000, 1_200_000)),
    isText: fc.boolean(),
    compress: fc.constantFrom(true, true, undefined, false),
  });
  const compression = fc.record({
    threshold: fc.constantFrom(0, 100, 1024),
    level: fc.constantFrom('fast' as const, 'small' as const),
    contextTakeover: fc.boolean(),
    windowBits: fc.integer({ min: 8, max: 15 }),
  });
  const scenario = fc.record({
    server: compression,
    client: compression,
    messages: fc.array(message, { minLength: 1, maxLength: 25 }),
    pauses: fc.array(fc.nat(25), { maxLength: 3 }),
    pings: fc.array(fc.nat(25), { maxLength: 3 }),
  });
  type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never;

  async function echoed({ server, client, messages, pauses, pings }: Scenario, way: 'serve' | 'await' | 'npm ws') {
    let url: string;
    let close: () => unknown = () => {};
    if (way === 'npm ws') {
      const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: { threshold: 0 } });
      await new Promise((resolve) => wss.once('listening', resolve));
      wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
      url = `ws://127.0.0.1:${(wss.address() as { port: number }).port}`;
      close = () => wss.close();
    } else if (way === 'serve') {
      let got = 0;
      const running = await served({
        ...LIMITS,
        compression: server,
        message(ws, data) {
          if (pauses.includes(got++)) {
            ws.pause();
            setImmediate(() => ws.resume());
          }
          if (pings.includes(got)) void ws.ping(`${got}`);
          void ws.send(data, { compress: messages[got - 1]?.compress });
        },
      });
      ({ url } = running);
      close = () => running.server.close({ timeout: 1 });
    } else {
      const running = await awaiting(
        async (request) => {
          const ws = await newWebSocket(request, [], LIMITS);
          for await (const data of ws) void ws.send(data);
        },
        { compression: server },
      );
      ({ url } = running);
      close = () => running.upgrades.close({ timeout: 1 });
    }
    const ws = await connected(url, undefined, { ...LIMITS, compression: client });
    const sent = messages.map(({ kind, size, isText }) => messageOf(kind, size, isText));
    for (const [i, one] of sent.entries()) void ws.send(one, { compress: messages[i].compress });
    for (const [i, one] of sent.entries()) {
      const { data } = await ws.receivePacket();
      if (!isSame(data, one)) throw new Error(`Message ${i} of ${JSON.stringify(messages)} came otherwise`);
    }
    expect(await ws.close()).toMatchObject({ closeCode: 1000 });
    await close();
  }

  test.each(['serve', 'await', 'npm ws'] as const)('with %s', async (way) => {
    await fc.assert(
      fc.asyncProperty(scenario, (one) => echoed(one, way)),
      { seed: SEED, numRuns: 12, endOnFailure: true },
    );
  });
});

describe('what leaves compressed', () => {
  async function frames(compression: CompressionOptions, send: (ws: WebSocket) => void, count: number) {
    const { port } = await served({ compression, open: send });
    const peer = await rawWebSocket(port, OFFER);
    const got: { rsv1: boolean; text: string }[] = [];
    for (let i = 0; i < count; i++) {
      await until(() => peer.received.length > 1);
      const rsv1 = (peer.received[0] & 0x40) !== 0;
      const { payload } = await nextFrame(peer);
      got.push({ rsv1, text: (rsv1 ? inflated(payload) : payload).toString() });
    }
    return got;
  }

  const text = 'one two three four '.repeat(10);

  test('are messages of the threshold and more that get shorter, unless compress is false, and no Pings', async () => {
    const noise = createHash('sha512').update('x').digest('base64');
    const got = await frames(
      { threshold: 64 },
      (ws) => {
        ws.send(text);
        ws.send(text.slice(0, 63));
        ws.send(noise);
        ws.send(text, { compress: false });
        ws.send(Buffer.from(text), { opcode: Opcode.Text, compress: true });
        ws.ping(text.slice(0, 100));
      },
      6,
    );
    expect(got).toEqual([
      { rsv1: true, text },
      { rsv1: false, text: text.slice(0, 63) },
      { rsv1: false, text: noise },
      { rsv1: false, text },
      { rsv1: true, text },
      { rsv1: false, text: text.slice(0, 100) },
    ]);
  });

  test('are published and prepared messages for those who have agreed, and the others get them plain', async () => {
    const { server, port } = await served({ compression: { threshold: 0 }, open: (ws) => ws.subscribe('t') });
    const [plain, compressed] = [await rawWebSocket(port), await rawWebSocket(port, OFFER)];
    await until(() => server.subscriberCount('t') === 2);
    const prepared = prepare(text);
    expect(server.publish('t', text)).toBe(2);
    expect(server.publish('t', prepared)).toBe(2);
    expect(server.publish('t', prepare(text, { compress: false }))).toBe(2);
    expect(server.publish('t', text, { compress: false, opcode: Opcode.Binary })).toBe(2);
    for (const peer of [plain, compressed]) {
      for (let i = 0; i < 4; i++) {
        await until(() => peer.received.length > 1);
        const isCompressed = (peer.received[0] & 0x40) !== 0;
        expect(isCompressed).toBe(peer === compressed && i < 2);
        const { payload } = await nextFrame(peer);
        expect((isCompressed ? inflated(payload) : payload).toString()).toBe(text);
      }
    }
  });

  test('are published behind a short one in the same turn', async () => {
    const { server, url } = await served({ compression: { threshold: 100 }, open: (ws) => ws.subscribe('t') });
    const clients = [
      await connected(url, undefined, { compression: true }),
      await connected(url, undefined, { compression: true }),
    ];
    await until(() => server.subscriberCount('t') === 2);
    for (const data of ['short', text]) expect(server.publish('t', data)).toBe(2);
    for (const ws of clients) {
      expect(await ws.receiveStrPacket()).toBe('short');
      expect(await ws.receiveStrPacket()).toBe(text);
    }
    expect(server.metrics().compressedMessagesSent).toBe(2);
  });

  test('a published message is part of what a stream knows, or the stream begins anew', async () => {
    const { server, url } = await served({
      compression: { threshold: 0, contextTakeover: true },
      open: (ws) => ws.subscribe('t'),
      message: (ws, data) => void ws.send(data),
    });
    const ws = await connected(url, undefined, { compression: { threshold: 0, contextTakeover: true } });
    await until(() => server.subscriberCount('t') === 1);
    for (let i = 0; i < 20; i++) {
      ws.send(`${text}${i}`);
      expect(await ws.receiveStrPacket()).toBe(`${text}${i}`);
      server.publish('t', `published ${i} ${text}`);
      expect(await ws.receiveStrPacket()).toBe(`published ${i} ${text}`);
    }
  });

  test.each([{ opcode: 8 }, { opcode: 'text' }, { compress: 1 }, { compres: true }])(
    '%o is a TypeError',
    async (options) => {
      const { url } = await served({});
      const ws = await connected(url);
      expect(() => ws.send('x'.repeat(200), options as never)).toThrow(TypeError);
      expect(() => prepare('x', options as never)).toThrow(TypeError);
      expect(ws.readyState).toBe(1);
    },
  );
});

describe('a long message', () => {
  const LONG = Array.from({ length: 150_000 }, (_, i) => (i * 7919) % 100_003).join();

  test('hostile.C-13: does not overtake, nor is it overtaken: by messages, Pings, Pongs and Close', async () => {
    const opened = withResolvers<WebSocket>();
    const { url } = await served({ compression: true, open: (ws) => opened.resolve(ws) });
    const client = new NpmWebSocket(url, { maxPayload: 2 ** 24 });
    onTestFinished(() => client.terminate());
    const log: string[] = [];
    client.on('message', (data: Buffer) => log.push(data.length > 100 ? `long ${data.length}` : data.toString()));
    client.on('ping', (data) => log.push(`ping ${data}`));
    client.on('close', (code) => log.push(`close ${code}`));
    const ws = await opened.promise;
    ws.send('before');
    const free = ws.send(LONG);
    expect(free).toBeInstanceOf(Promise);
    expect(ws.bufferedAmount).toBeGreaterThan(LONG.length);
    ws.send('after');
    ws.ping('p');
    ws.send('x'.repeat(3000));
    void ws.close(4000, 'done');
    await until(() => log.some((entry) => entry.startsWith('close')));
    await free;
    expect(log).toEqual(['before', `long ${LONG.length}`, 'after', 'ping p', 'long 3000', 'close 4000']);
  });

  test('hostile.C-13: is dropped with what waits for it if the connection ends, and nothing comes after close', async () => {
    const opened = withResolvers<WebSocket>();
    const closes: number[] = [];
    const { url, errors } = await served({
      compression: true,
      open: (ws) => opened.resolve(ws),
      close: (_ws, code) => closes.push(code),
    });
    const client = new NpmWebSocket(url);
    client.on('error', () => {});
    const ws = await opened.promise;
    const free = ws.send(LONG);
    const other = ws.send('after');
    ws.hangup();
    await expect(free).rejects.toThrow();
    await expect(other).rejects.toThrow();
    await until(() => closes.length > 0);
    expect(ws.bufferedAmount).toBe(0);
    expect([closes, errors]).toEqual([[1006], []]);
  });

  test('may take longer than closeTimeout to compress: it still comes before the Close', async () => {
    const noise = createHash('sha256').update('x').digest('hex').repeat(120_000);
    const { url } = await served({
      compression: { level: 'small' },
      closeTimeout: 20,
      maxBackpressure: 2 ** 28,
      open(ws) {
        void ws.send(noise);
        void ws.close();
      },
    });
    const ws = await connected(url, undefined, { ...LIMITS, compression: true });
    expect((await ws.receiveStrPacket()) === noise).toBe(true);
    expect(await ws.closed).toMatchObject({ closeCode: 1000 });
  });

  test('of zero-copy users waits in memory of its own, and so does what is sent after it', async () => {
    const { url } = await served({
      ...LIMITS,
      zeroCopy: true,
      compression: true,
      message: (ws, data) => void ws.send(data),
    });
    const ws = await connected(url, undefined, { ...LIMITS, compression: true });
    const sent = Array.from({ length: 6 }, (_, i) => Buffer.alloc(i % 2 === 0 ? 250_000 : 2000, `${i} message`));
    for (const one of sent) void ws.send(one);
    for (const one of sent) expect((await ws.receiveBinaryPacket()).equals(one)).toBe(true);
  });

  test('that was published leaves nothing behind if its subscriber is gone before it has left', async () => {
    const { server, port } = await served({ compression: true, open: (ws) => ws.subscribe('t') });
    const peer = await rawWebSocket(port, OFFER);
    await until(() => server.subscriberCount('t') === 1);
    peer.socket.pause();
    for (let i = 0; i < 3; i++) server.publish('t', `${LONG}${i}`);
    await aWhile(100);
    peer.socket.destroy();
    // An unhandled rejection would fail the run.
    await until(() => server.connections.size === 0);
    await aWhile(20);
    expect(server.subscriberCount('t')).toBe(0);
  });

  test('and more of them than maxBackpressure are no reason to take the peer for slow', async () => {
    const { server, url, errors } = await served({
      compression: true,
      open(ws) {
        ws.subscribe('t');
        for (let i = 0; i < 4; i++) ws.send(`${i}${LONG}`);
        ws.send('last');
      },
    });
    const ws = await connected(url, undefined, { compression: true });
    for (let i = 0; i < 4; i++) expect((await ws.receiveStrPacket()) === `${i}${LONG}`).toBe(true);
    expect(await ws.receiveStrPacket()).toBe('last');
    await until(() => server.subscriberCount('t') === 1);
    for (let i = 0; i < 6; i++) expect(server.publish('t', `${LONG.slice(0, 300_000)}${i}`)).toBe(1);
    for (let i = 0; i < 6; i++) expect((await ws.receiveStrPacket()).slice(-1)).toBe(`${i}`);
    expect(errors).toEqual([]);
  });

  test('that comes holds back what comes after it, and the end; a pause holds it back too', async () => {
    const log: string[] = [];
    const { port } = await served({
      ...LIMITS,
      compression: true,
      message(ws, data) {
        log.push(`${data.length}`);
        if (data === 'pause') {
          ws.pause();
          setTimeout(() => {
            log.push('resume');
            ws.resume();
          }, 30);
        }
      },
      ping: (_ws, data) => log.push(`ping ${data}`),
      close: (_ws, code) => log.push(`close ${code}`),
    });
    const peer = await rawWebSocket(port, OFFER);
    const long = frameFor('server', 1, deflated(LONG), { rsv: 0x40 });
    peer.write(
      Buffer.concat([
        long,
        frameFor('server', 9, 'p'),
        frameFor('server', 1, 'pause'),
        long,
        frameFor('server', 1, 'last'),
        frameFor('server', 8, Buffer.of(0x0f, 0xa0)),
      ]),
    );
    await until(() => log.some((entry) => entry.startsWith('close')));
    const length = `${LONG.length}`;
    expect(log).toEqual([length, 'ping p', '5', 'resume', length, '4', 'close 4000']);
  });

  test('hostile.C-01, hostile.A3.1: a bomb ends the connection with 1009, and takes no more than maxPayload', async () => {
    const { port, errors } = await served({ compression: true });
    const peer = await rawWebSocket(port, OFFER);
    const bomb = frameFor('server', 2, deflated(Buffer.alloc(2 ** 26)), { rsv: 0x40 });
    const before = process.memoryUsage().arrayBuffers;
    peer.write(bomb);
    const { opcode, payload } = await nextFrame(peer);
    expect([opcode, payload.readUInt16BE(0)]).toEqual([8, 1009]);
    expect(errors.map((error) => (error as NodeJS.ErrnoException).code)).toEqual(['WASOCK_MESSAGE_TOO_BIG']);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 21 + 2 ** 20);
  });
});
