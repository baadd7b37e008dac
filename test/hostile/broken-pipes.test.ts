import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { acceptUpgrades, newWebSocket, serve, type WebSocket } from '../../src/index.js';
import { RawPeer, requestText } from '../support/raw-peer.js';
import { aWhile, rejection, until } from '../support/servers.js';
import { WASOCK } from '../ws/implementations.js';

/** A port, or the path of a Unix socket. */
type Address = { port: number; host: string } | { path: string };

/** A connection as its server has it. */
interface Opened {
  /** What a user may call, by name. */
  readonly calls: Record<string, () => unknown>;
  /** The code of each close event. */
  readonly closes: number[];
  /** Is called in each close event. */
  onClose: () => void;
}

/** A server that tells of each connection. */
type Start = (onOpened: (opened: Opened) => void, unix: string | undefined) => Promise<Address>;

const MUCH = Buffer.alloc(200_000);
const CLOSE_TIMEOUT = 50;

function callsOf(ws: WebSocket): Record<string, () => unknown> {
  return {
    send: () => ws.send('x'),
    'send much': () => ws.send(MUCH),
    'send much, twice': () => [ws.send(MUCH), ws.send(MUCH)],
    ping: () => ws.ping('x'),
    close: () => ws.close(4000),
    hangup: () => ws.hangup(),
    'pause and resume': () => [ws.pause(), ws.resume()],
    pause: () => ws.pause(),
    publish: () => [ws.subscribe('x'), ws.publish('x', 'x')],
    setupPings: () => ws.setupPings(0.01),
  };
}

async function addressOf(server: Server, unix: string | undefined): Promise<Address> {
  server.listen(unix === undefined ? { port: 0, host: '127.0.0.1' } : { path: unix });
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return unix === undefined ? { port: (server.address() as AddressInfo).port, host: '127.0.0.1' } : { path: unix };
}

const STARTS: readonly [string, Start][] = [
  [
    'serve',
    async (onOpened, unix) => {
      const sockets = new Map<WebSocket, Opened>();
      const server = await serve({
        ...(unix === undefined ? { host: '127.0.0.1' } : { unix }),
        closeTimeout: CLOSE_TIMEOUT,
        open: (ws) => {
          const opened: Opened = { calls: callsOf(ws), closes: [], onClose: () => {} };
          sockets.set(ws, opened);
          onOpened(opened);
        },
        close: (ws, code) => {
          const opened = sockets.get(ws)!;
          opened.closes.push(code);
          opened.onClose();
        },
      });
      onTestFinished(() => server.close({ timeout: 1 }));
      return unix === undefined ? { port: server.port, host: '127.0.0.1' } : { path: unix };
    },
  ],
  [
    'await style',
    async (onOpened, unix) => {
      const server = createServer(async (request) => {
        const ws = await newWebSocket(request, undefined, { closeTimeout: CLOSE_TIMEOUT });
        const opened: Opened = { calls: callsOf(ws), closes: [], onClose: () => {} };
        onOpened(opened);
        const { closeCode } = (await rejection(ws.receivePacket())) as Error & { closeCode: number };
        opened.closes.push(closeCode);
        opened.onClose();
        await ws.closed;
      });
      acceptUpgrades(server);
      return addressOf(server, unix);
    },
  ],
  [
    'wasock/ws',
    async (onOpened, unix) => {
      const server = createServer();
      const wss = new WASOCK.WebSocketServer({ server, closeTimeout: CLOSE_TIMEOUT } as object);
      wss.on('connection', (ws) => {
        const calls = {
          send: () => ws.send('x'),
          'send much': () => ws.send(MUCH),
          'send much, twice': () => [ws.send(MUCH, () => {}), ws.send(MUCH, () => {})],
          ping: () => ws.ping('x'),
          pong: () => ws.pong('x'),
          close: () => ws.close(4000),
          terminate: () => ws.terminate(),
          'pause and resume': () => [ws.pause(), ws.resume()],
          pause: () => ws.pause(),
        };
        const opened: Opened = { calls, closes: [], onClose: () => {} };
        ws.on('close', (code) => {
          opened.closes.push(code);
          opened.onClose();
        });
        onOpened(opened);
      });
      return addressOf(server, unix);
    },
  ],
];

let sockets = 0;

/** Where a Unix socket may be, until the test ends. */
function unixPath(): string {
  const name = `wasock-broken-${process.pid}-${sockets++}`;
  const at = process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : path.join(tmpdir(), `${name}.sock`);
  onTestFinished(() => rmSync(at, { force: true }));
  return at;
}

/** How a peer leaves: what is written after that is EPIPE on a Unix socket, and ECONNRESET over TCP. */
const FAULTS: readonly [string, () => string | undefined, (peer: RawPeer) => void][] = [
  ['EPIPE', unixPath, ({ socket }) => void socket.destroy()],
  ['ECONNRESET', () => undefined, (peer) => peer.reset()],
];

/** When the user calls: before the loop has seen that the peer is gone, in the turn of the close event, and both. */
const MOMENTS = ['in the turn in which the peer leaves', 'in the close event', 'in both'] as const;

async function connectTo(address: Address): Promise<{ peer: RawPeer }> {
  const socket = net.connect(address);
  await once(socket, 'connect');
  const peer = new RawPeer(socket);
  peer.write(requestText());
  await peer.takeHead();
  return { peer };
}

/** Connects, and waits until both ends know. */
async function connect(address: Address, opened: Opened[]): Promise<{ peer: RawPeer; mine: Opened }> {
  const count = opened.length;
  const { peer } = await connectTo(address);
  await until(() => opened.length > count);
  return { peer, mine: opened[count] };
}

describe.each(STARTS)('%s', (_name, start) => {
  describe.each(FAULTS)('after %s', (_fault, address, leave) => {
    test.each(MOMENTS)('hostile.T-04: tells of the end once, whatever is called %s, and serves on', async (moment) => {
      const opened: Opened[] = [];
      const at = await start((one) => opened.push(one), address());
      const { mine: first } = await connect(at, opened);
      const names = Object.keys(first.calls);
      const sequences = [[], ...names.map((name) => [name]), names, [...names].reverse()];
      const told: Record<string, number[]> = {};
      for (const sequence of sequences) {
        const { peer, mine } = await connect(at, opened);
        const call = () => {
          for (const name of sequence) mine.calls[name]();
        };
        if (moment !== 'in the turn in which the peer leaves') mine.onClose = call;
        leave(peer);
        if (moment !== 'in the close event') call();
        await until(
          () => mine.closes.length > 0,
          () => `the end after ${sequence}`,
        );
        told[sequence.join()] = mine.closes;
      }
      // As long as any time-out of theirs.
      await aWhile(3 * CLOSE_TIMEOUT);
      expect(told).toEqual(Object.fromEntries(sequences.map((sequence) => [sequence.join(), [1006]])));
      expect(first.closes).toEqual([]);
      await connect(at, opened);
    });
  });
});

test.each(FAULTS)('hostile.T-04: %s is told as the cause, in await style', async (fault, address, leave) => {
  const causes: unknown[] = [];
  let ws: WebSocket | undefined;
  const server = createServer(async (request) => {
    ws = await newWebSocket(request);
    causes.push((await rejection(ws.receivePacket())).cause);
  });
  acceptUpgrades(server);
  const { peer } = await connectTo(await addressOf(server, address()));
  await until(() => ws !== undefined);
  leave(peer);
  // An RST is seen by reading, a pipe that is broken by writing.
  const sent = fault === 'EPIPE' ? [ws!.send(MUCH), ws!.send('x')] : [];
  await until(() => causes.length > 0);
  expect(causes).toMatchObject([{ code: fault }]);
  for (const promise of sent)
    expect(await rejection(promise)).toMatchObject({ code: 'WASOCK_CLOSED', closeCode: 1006 });
});
