import { describe, expect, test } from 'vitest';
import type { ServeOptions } from '../../src/api/serve.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { aWhile, served, until } from '../support/servers.js';
import { WASOCK } from '../ws/implementations.js';
import { listen } from '../ws/pairs.js';
import { block, SlowReader, type SlowReaderOptions } from './slow-peers.js';

const MEGABYTES_24 = 24_000_000;
const TLS = { cert: CERTIFICATE, key: PRIVATE_KEY };

/** A server, a reader in another process, and how the connection ended, as the server was told. */
async function readBy(reader: SlowReaderOptions, options: ServeOptions = {}) {
  const closes: number[] = [];
  const { server, port, errors } = await served({
    maxBackpressure: Number.POSITIVE_INFINITY,
    close: (_ws, code) => void closes.push(code),
    ...options,
    ...(reader.secure ? { tls: TLS } : {}),
  });
  const peer = new SlowReader(port, reader);
  await peer.opened();
  await until(() => server.connections.size === 1);
  const [ws] = server.connections;
  return { server, ws, peer, closes, errors };
}

describe.each([
  ['TCP', false],
  ['TLS', true],
])('a peer that reads steadily, over %s', (_name, secure) => {
  test.each([1, 24])(
    'gets all that was sent before close(), in %d messages, though that takes longer than closeTimeout',
    async (count) => {
      const { ws, peer } = await readBy({ bytesPerSecond: 6_000_000, secure }, { closeTimeout: 1500 });
      for (let i = 0; i < count; i++) ws.send(Buffer.alloc(MEGABYTES_24 / count));
      const closed = ws.close(1000);
      expect(await peer.seen()).toMatchObject({ payloadBytes: MEGABYTES_24, closeCode: 1000 });
      expect((await closed).closeCode).toBe(1000);
    },
  );

  test('is not taken for dead while it has much to read, though no Pong comes', async () => {
    const limits = { pingInterval: 200, pongTimeout: 300, idleTimeout: 300 };
    const { ws, peer, closes, errors } = await readBy({ bytesPerSecond: 6_000_000, secure }, limits);
    ws.send(Buffer.alloc(MEGABYTES_24));
    await until(() => ws.bufferedAmount === 0);
    expect([closes, errors]).toEqual([[], []]);
    ws.close(1000);
    const { payloadBytes, pings } = await peer.seen();
    expect(payloadBytes).toBe(MEGABYTES_24);
    expect(pings).toBeGreaterThan(0);
  });

  test('hostile.L-02: gets all that was sent before server.close(), and no more than it can read within a time-out that is given', async () => {
    const first = await readBy({ bytesPerSecond: 6_000_000, secure }, { closeTimeout: 1500 });
    first.ws.send(Buffer.alloc(MEGABYTES_24));
    await first.server.close();
    expect(await first.peer.seen()).toMatchObject({ payloadBytes: MEGABYTES_24, closeCode: 1001 });

    const second = await readBy({ bytesPerSecond: 4_000_000, secure });
    second.ws.send(Buffer.alloc(2 * MEGABYTES_24));
    await second.server.close({ timeout: 300 });
    expect(second.server.connections.size).toBe(0);
    expect((await second.peer.seen()).closeCode).toBe(0);
  });
});

test('a peer that reads steadily gets all that was sent before close() of wasock/ws, too', async () => {
  const { wss, url } = await listen(WASOCK, { closeTimeout: 1500 } as object);
  wss.on('connection', (ws) => {
    ws.send(Buffer.alloc(MEGABYTES_24));
    ws.close(1000);
  });
  const peer = new SlowReader(Number(new URL(url).port), { bytesPerSecond: 6_000_000 });
  expect(await peer.seen()).toMatchObject({ payloadBytes: MEGABYTES_24, closeCode: 1000 });
});

describe('a peer whose process is stopped', () => {
  test('hostile.R-04: is noticed by the keepalive if it is idle', async () => {
    const { peer, closes, errors } = await readBy({}, { pingInterval: 200, pongTimeout: 300 });
    await aWhile(600);
    expect(closes).toEqual([]);
    peer.stop();
    await until(() => closes.length === 1);
    expect(errors).toMatchObject([{ code: 'WASOCK_PONG_TIMEOUT' }]);
  });

  test('is noticed, a while later, if it has something to read', async () => {
    const { ws, peer, closes, errors } = await readBy({}, { pingInterval: 200, pongTimeout: 300 });
    peer.stop();
    // Worth 4 s of patience.
    ws.send(Buffer.alloc(524_288));
    await aWhile(2000);
    expect(closes).toEqual([]);
    await until(() => closes.length === 1);
    expect(errors).toMatchObject([{ code: 'WASOCK_PONG_TIMEOUT' }]);
  });

  test('does not hold a closing connection up, though much was sent', async () => {
    const { ws, peer } = await readBy({ bytesPerSecond: 1_000_000 }, { closeTimeout: 1500 });
    ws.send(Buffer.alloc(2 * MEGABYTES_24));
    await aWhile(100);
    peer.stop();
    expect(await ws.close()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });

  test('and goes on in time keeps its connection', async () => {
    const { ws, peer, closes } = await readBy({}, { pingInterval: 200, pongTimeout: 3000 });
    peer.stop();
    await aWhile(600);
    peer.goOn();
    await aWhile(600);
    expect(closes).toEqual([]);
    ws.close(1000);
    expect(await peer.seen()).toMatchObject({ closeCode: 1000 });
  });
});

/** Longer than any limit of these tests. */
const STALL = 1500;

describe.each(['a timer', 'the handler of another connection'])(
  'hostile.R-16: while the loop is blocked in %s, a peer',
  (where) => {
    const message = (_ws: unknown, data: string | Buffer) => {
      if (data === 'block') block(STALL);
    };

    /** Blocks the loop, in about 300 ms. */
    async function stall(port: number): Promise<void> {
      await aWhile(300);
      if (where === 'a timer') setTimeout(() => block(STALL), 1);
      else await new SlowReader(port, { sends: [{ text: 'block' }] }).opened();
      await aWhile(600);
    }

    test('is not taken for dead by pongTimeout', async () => {
      const { server, ws, closes, errors } = await readBy({}, { pingInterval: 250, pongTimeout: 400, message });
      await stall(server.port);
      await aWhile(1000);
      expect([closes, errors, ws.readyState]).toEqual([[], [], 1]);
    });

    test('is not taken for silent by idleTimeout', async () => {
      const sends = Array.from({ length: 50 }, (_, i) => ({ after: 100 * i, text: 'x' }));
      const { server, ws, closes, errors } = await readBy({ sends }, { idleTimeout: 700, pingInterval: 0, message });
      await stall(server.port);
      expect([closes, errors, ws.readyState]).toEqual([[], [], 1]);
    });

    test('is not taken for slow by messageTimeout', async () => {
      const messages: unknown[] = [];
      const sends = [
        { text: 'first, ', fin: false },
        { after: 600, opcode: 0, text: 'last' },
      ];
      const options: ServeOptions = {
        messageTimeout: 900,
        pingInterval: 0,
        message: (ws, data) => {
          messages.push(data);
          message(ws, data);
        },
      };
      const { server, closes, errors } = await readBy({ sends }, options);
      await stall(server.port);
      await until(() => messages.includes('first, last'));
      expect([closes, errors]).toEqual([[], []]);
    });

    test('is heard by close(), if it has answered in time', async () => {
      const { server, ws, peer } = await readBy({}, { closeTimeout: 700, pingInterval: 0, message });
      const stalled = stall(server.port);
      await aWhile(290);
      const closed = ws.close(1000);
      await stalled;
      expect(await closed).toMatchObject({ closeCode: 1000 });
      expect(await peer.seen()).toMatchObject({ closeCode: 1000 });
    });
  },
);
