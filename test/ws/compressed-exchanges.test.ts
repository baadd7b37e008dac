import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { PerMessageDeflateOptions, WebSocket } from 'ws';
import { heldMemory } from '../support/memory.js';
import { noise, prose } from '../support/messages.js';
import { until } from '../support/waiting.js';
import { type Implementation, inner, NPM_WS, WASOCK } from './implementations.js';
import { listen } from './pairs.js';

const NO_TAKEOVER = { serverNoContextTakeover: true, clientNoContextTakeover: true };

/** Who is the server, and who the client. */
const SIDES: [title: string, server: Implementation, client: Implementation][] = [
  ['npm ws to wasock/ws', WASOCK, NPM_WS],
  ['wasock/ws to npm ws', NPM_WS, WASOCK],
  ['wasock/ws to wasock/ws', WASOCK, WASOCK],
];

interface Open {
  readonly server: WebSocket;
  readonly client: WebSocket;
}

async function open(
  serverSide: Implementation,
  clientSide: Implementation,
  served: PerMessageDeflateOptions,
  wanted: PerMessageDeflateOptions = served,
): Promise<Open> {
  const { wss, url } = await listen(serverSide, { perMessageDeflate: served });
  const client = new clientSide.WebSocket(url, { perMessageDeflate: wanted });
  onTestFinished(() => client.terminate());
  const [[server]] = await Promise.all([once(wss, 'connection'), once(client, 'open')]);
  expect([server.extensions, client.extensions]).toEqual(['permessage-deflate', 'permessage-deflate']);
  expect({ ...inner(client)._extensions['permessage-deflate'].params }).toEqual({
    ...inner(server)._extensions['permessage-deflate'].params,
  });
  return { server, client };
}

/** A message by kind, length and hash: short enough to be printed. */
function shown(message: Uint8Array, isBinary: boolean): string {
  return `${isBinary ? 'binary' : 'text'} ${message.length} ${createHash('sha1').update(message).digest('hex')}`;
}

/** Notes what a socket gets, in order. */
function noted(ws: WebSocket): string[] {
  const events: string[] = [];
  ws.on('message', (data: Buffer, isBinary) => events.push(shown(data, isBinary)));
  ws.on('ping', (data) => events.push(`ping ${data}`));
  return events;
}

/** Sends messages of all kinds and lengths with Pings between. Resolves when all of it has been called back, and has come. */
async function exchange(from: WebSocket, to: WebSocket, lengths: readonly number[]): Promise<void> {
  const received = noted(to);
  const sent: string[] = [];
  const calledBack: number[] = [];
  let count = 0;
  const callback = () => {
    const index = count++;
    return (error?: Error | null) => void calledBack.push(error ? Number.NaN : index);
  };
  for (const [index, length] of lengths.entries()) {
    const message = prose(length, index + 1);
    const [text, random] = [message.toString('latin1'), noise(length, index + 1)];
    from.send(text, callback());
    sent.push(shown(Buffer.from(text), false));
    from.send(random, { binary: true }, callback());
    from.ping(`${index}`, undefined, callback());
    sent.push(shown(random, true), `ping ${index}`);
    const cuts = [0, length >> 2, length >> 1, length];
    for (const i of [0, 1, 2]) {
      const part = message.subarray(cuts[i], cuts[i + 1]);
      from.send(part, { binary: true, fin: i === 2, compress: index % 3 > 0 }, callback());
      if (i === 1) from.ping(`within ${index}`, undefined, callback());
    }
    sent.push(`ping within ${index}`, shown(message, true));
    if (index % 4 === 0) from.send(new Blob([message as never]), callback());
    if (index % 4 === 0) sent.push(shown(message, true));
    from.send(message.subarray(0, 500), { compress: false, binary: true }, callback());
    sent.push(shown(message.subarray(0, 500), true));
  }
  await until(() => received.length >= sent.length && calledBack.length === count);
  expect(received).toEqual(sent);
  expect(calledBack).toEqual(Array.from({ length: count }, (_, i) => i));
  expect(from.bufferedAmount).toBe(0);
  to.removeAllListeners('message').removeAllListeners('ping');
}

/** What both sides are given. */
const OPTIONS: [title: string, options: PerMessageDeflateOptions][] = [
  ['takeover', {}],
  ['no takeover', { ...NO_TAKEOVER, threshold: 0 }],
  ['takeover of the client alone', { serverNoContextTakeover: true }],
  ['takeover of the server alone', { clientNoContextTakeover: true }],
  ['the smallest windows', { serverMaxWindowBits: 8, clientMaxWindowBits: 8 }],
  ['small windows and no takeover', { ...NO_TAKEOVER, serverMaxWindowBits: 9, clientMaxWindowBits: 10 }],
  ['level 6', { zlibDeflateOptions: { level: 6 } }],
  ['level 6 and no takeover', { ...NO_TAKEOVER, zlibDeflateOptions: { level: 6 } }],
  ['level 9', { zlibDeflateOptions: { level: 9, memLevel: 9 }, concurrencyLimit: 2 }],
  ['level 9 and no takeover', { ...NO_TAKEOVER, zlibDeflateOptions: { level: 9 }, concurrencyLimit: 2 }],
  ['level 9 and the smallest windows', { serverMaxWindowBits: 8, zlibDeflateOptions: { level: 9 } }],
  ['no compression by zlib', { zlibDeflateOptions: { level: 0 }, zlibInflateOptions: { chunkSize: 1024 } }],
];

/** Around each bound: of a threshold, a frame's header, a window, a piece, what is deflated at once. */
const LENGTHS = [0, 1, 60, 1024, 5000, 32_768, 61_440, 65_536, 140_000];

describe.each(SIDES)('%s', (_title, serverSide, clientSide) => {
  test.each(OPTIONS)('ws.M2: messages of all kinds come in order, both ways, with %s', async (_what, options) => {
    const { server, client } = await open(serverSide, clientSide, options);
    await exchange(client, server, LENGTHS);
    await exchange(server, client, LENGTHS);
    // At the same time.
    await Promise.all([exchange(client, server, [3000, 90_000]), exchange(server, client, [90_000, 3000])]);
    client.close(1000, 'done');
    expect(await once(server, 'close')).toEqual([1000, Buffer.from('done')]);
  });

  test('ws.M2: a message that takes many turns, in both directions', async () => {
    const { server, client } = await open(serverSide, clientSide, {});
    await Promise.all([
      exchange(client, server, [1_500_000, 10, 400_000]),
      exchange(server, client, [400_000, 10, 1_500_000]),
    ]);
  });

  /** A sample; with FC_RUNS=64 it is all of them. */
  const combinations = Array.from({ length: 256 }, (_, i) => i)
    .filter((i) => (i * 37) % 256 < 4 * Number(process.env.FC_RUNS ?? 1))
    .map((i) => ({
      serverMaxWindowBits: 8 + (i & 7),
      clientMaxWindowBits: 8 + ((i >> 3) & 7),
      serverNoContextTakeover: (i & 64) !== 0,
      clientNoContextTakeover: (i & 128) !== 0,
      threshold: 0,
    }));

  test('any windows, with and without takeover', async () => {
    for (const { serverNoContextTakeover, clientNoContextTakeover, ...bits } of combinations) {
      const options = {
        ...bits,
        ...(serverNoContextTakeover && { serverNoContextTakeover }),
        ...(clientNoContextTakeover && { clientNoContextTakeover }),
      };
      const { server, client } = await open(serverSide, clientSide, options);
      for (const [from, to] of [
        [client, server],
        [server, client],
      ]) {
        const received: string[] = [];
        to.on('message', (data) => received.push(String(data)));
        const messages = [50, 300, 5000, 300, 40_000, 50].map((length, i) => prose(length, i % 3).toString('latin1'));
        for (const message of messages) from.send(message);
        await until(() => received.length === messages.length);
        expect(received.every((text, i) => text === messages[i])).toBe(true);
      }
      client.terminate();
      server.terminate();
    }
    expect(combinations.length).toBeGreaterThan(0);
  });
});

test('two thousand messages back and forth need no more memory than the first', async () => {
  const { server, client } = await open(WASOCK, WASOCK, {});
  let received = 0;
  server.on('message', (data, isBinary) => server.send(data, { binary: isBinary }));
  client.on('message', () => received++);
  const messages = [prose(300), prose(2000), noise(500), prose(20_000)];
  const rounds = async (count: number) => {
    const until0 = received + count;
    for (let i = 0; i < count; i++) client.send(messages[i % messages.length]);
    await until(() => received === until0);
  };
  await rounds(400);
  const before = heldMemory();
  for (let i = 0; i < 10; i++) await rounds(200);
  const after = heldMemory();
  expect(after.heap - before.heap).toBeLessThan(1_000_000);
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(200_000);
});
