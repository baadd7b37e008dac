import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { newWebSocket } from '../../src/api/new-websocket.js';
import type { ConnectionLimits } from '../../src/index.js';
import { FAULT } from '../../src/protocol/faults.js';
import { FramePeer } from '../support/frame-peer.js';
import { closeHex, fragmentsFor, frameFor } from '../support/framer.js';
import { RawServer, rawClient, rawWebSocket } from '../support/raw-peer.js';
import { awaiting, rejection, served } from '../support/servers.js';
import { until } from '../support/waiting.js';
import { WASOCK } from '../ws/implementations.js';
import { listen } from '../ws/pairs.js';

const HOUR = 3_600_000;
/** As by hand, by NTP, by a virtual machine that was asleep. */
const JUMPS = [2 * HOUR, -HOUR];
const LONGER_JUMPS = [365 * 24 * HOUR, -20 * 365 * 24 * HOUR];

/** The wall clock jumps; time passes as before. */
function jump(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds);
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

/** A server that sends back what it gets, and the causes of the ends of its connections. */
type Start = (limits: ConnectionLimits) => Promise<{ port: number; ends: unknown[] }>;

const STARTS: readonly [string, Start][] = [
  [
    'serve',
    async (limits) => {
      const ends: unknown[] = [];
      const { port } = await served({
        ...limits,
        message: (ws, data) => void ws.send(data),
        close: (_ws, code) => void ends.push(code),
        error: (error) => void ends.push((error as { code?: string }).code),
      });
      return { port, ends };
    },
  ],
  [
    'await style',
    async (limits) => {
      const ends: unknown[] = [];
      const { port } = await awaiting(async (request) => {
        const ws = await newWebSocket(request, undefined, limits);
        ws.closed.then(({ closeCode }) => ends.push(closeCode));
        const echo = async () => {
          for await (const data of ws) ws.send(data);
        };
        const { cause } = (await rejection(echo())) as { cause?: { code?: string } };
        if (cause !== undefined) ends.push(cause.code);
      }, limits);
      return { port, ends };
    },
  ],
];

describe.each(STARTS)('hostile.R-17: when the wall clock jumps, %s', (_name, start) => {
  test('ends no connection that is healthy, and pings on', async () => {
    // No test waits so long; of an hour each is over.
    const limits = { pongTimeout: 60_000, idleTimeout: 60_000, messageTimeout: 60_000, closeTimeout: 60_000 };
    const { port, ends } = await start({ ...limits, pingInterval: 60 });
    const raw = await rawWebSocket(port);
    const peer = new FramePeer(raw.socket);
    const [first, last] = fragmentsFor('server', 1, ['in ', 'two']);
    for (const [i, milliseconds] of [...JUMPS, ...LONGER_JUMPS].entries()) {
      // A message, a Ping and silence are under way.
      peer.send(first);
      await peer.framesReceived(peer.frames.length + 1);
      jump(milliseconds);
      await peer.framesReceived(peer.frames.length + 3);
      peer.send(frameFor('server', 10), last);
      await until(() => peer.texts.filter((text) => text === 'in two').length === i + 1);
    }
    expect(peer.opcodes.filter((opcode) => opcode === 8)).toEqual([]);
    expect({ ended: peer.ended, ends }).toEqual({ ended: false, ends: [] });
  });

  test.each(JUMPS)('by %d ms, ends one that is idle, as if it had not', async (milliseconds) => {
    const { port, ends } = await start({ idleTimeout: 150, pingInterval: 0 });
    const { socket } = await rawWebSocket(port);
    jump(milliseconds);
    await until(() => ends.length === 2);
    expect(new Set(ends)).toEqual(new Set(['WASOCK_IDLE_TIMEOUT', 1006]));
    socket.destroy();
  });

  test.each(JUMPS)('by %d ms, ends one on which no Pong or no end of a message comes', async (milliseconds) => {
    const { port, ends } = await start({ pingInterval: 60, pongTimeout: 100 });
    await rawWebSocket(port);
    jump(milliseconds);
    await until(() => ends.includes('WASOCK_PONG_TIMEOUT'));
    const other = await start({ messageTimeout: 100 });
    const peer = await rawWebSocket(other.port);
    peer.write(frameFor('server', 1, 'half').subarray(0, 8));
    jump(milliseconds);
    await until(() => other.ends.includes('WASOCK_MESSAGE_TIMEOUT'));
    expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1008, `${FAULT.MESSAGE_TIMEOUT.message} 100`));
  });

  test.each(JUMPS)('by %d ms, ends a handshake that stays silent', async (milliseconds) => {
    const { port } = await served({ handshakeTimeout: 200 });
    const peer = await rawClient(port);
    jump(milliseconds);
    await peer.takeAll();
    expect(peer.ended).toBe(true);
  });
});

describe('hostile.R-17: when the wall clock jumps, wasock/ws', () => {
  test.each(JUMPS)('by %d ms, waits for the answer to a Close as long as it would', async (milliseconds) => {
    const { wss, url } = await listen(WASOCK, { closeTimeout: 150 } as object);
    const { port } = new URL(url);
    const accepted = once(wss, 'connection');
    await rawWebSocket(Number(port));
    const [silent] = await accepted;
    silent.close();
    jump(milliseconds);
    const [code] = await once(silent, 'close');
    expect(code).toBe(1006);
  });

  test('goes on, in both directions', async () => {
    const { wss, url } = await listen(WASOCK);
    wss.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
    const client = new WASOCK.WebSocket(url, { handshakeTimeout: 60_000 });
    jump(HOUR);
    await once(client, 'open');
    for (const milliseconds of [...JUMPS, ...LONGER_JUMPS]) {
      jump(milliseconds);
      client.send(String(milliseconds));
      const [data] = await once(client, 'message');
      expect(String(data)).toBe(String(milliseconds));
    }
    client.close(1000);
    jump(HOUR);
    expect((await once(client, 'close'))[0]).toBe(1000);
  });

  test.each(JUMPS)('by %d ms, gives a silent server up at handshakeTimeout', async (milliseconds) => {
    const server = await RawServer.listen();
    const client = new WASOCK.WebSocket(server.url, { handshakeTimeout: 150 });
    jump(milliseconds);
    const [error] = await once(client, 'error');
    expect(error.message).toBe('Opening handshake has timed out');
    const ours = newWebSocket(server.url, [], { handshakeTimeout: 150 });
    jump(milliseconds);
    expect(await rejection(ours)).toMatchObject({ code: 'WASOCK_CREATION' });
  });
});
