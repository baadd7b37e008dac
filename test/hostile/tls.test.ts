import { once } from 'node:events';
import { createServer } from 'node:https';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { acceptUpgrades, newWebSocket } from '../../src/index.js';
import type { Role } from '../../src/protocol/frame-rules.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { FramePeer } from '../support/frame-peer.js';
import { frameFor } from '../support/framer.js';
import { acceptance, RawPeer, rawClient, requestText } from '../support/raw-peer.js';
import { aWhile, served, until } from '../support/servers.js';
import { turns } from '../support/waiting.js';
import { WASOCK } from '../ws/implementations.js';

const TLS = { cert: CERTIFICATE, key: PRIVATE_KEY };

/** What one end of a connection was told. */
class Told {
  readonly messages: string[] = [];
  readonly ends: { closeCode: number; wasClean?: boolean }[] = [];
  readonly errors: unknown[] = [];
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Servers of every kind, over TLS. @returns the port */
const SERVERS: readonly [string, (told: Told) => Promise<number>][] = [
  [
    'serve',
    async (told) => {
      const { port } = await served({
        tls: TLS,
        open: (ws) => void ws.closed.then((end) => told.ends.push(end)),
        message: (_ws, data) => void told.messages.push(String(data)),
        error: (error) => told.errors.push(error),
      });
      return port;
    },
  ],
  [
    'await style',
    async (told) => {
      const server = createServer(TLS, async (request) => {
        const ws = await newWebSocket(request);
        ws.closed.then((end) => told.ends.push(end));
        const receive = async () => {
          for await (const data of ws) told.messages.push(String(data));
        };
        await receive().catch(() => {});
      });
      acceptUpgrades(server, { onError: (error) => void told.errors.push(error) });
      return portOf(server);
    },
  ],
  [
    'wasock/ws',
    async (told) => {
      const server = createServer(TLS);
      new WASOCK.WebSocketServer({ server }).on('connection', (ws) => {
        ws.on('message', (data) => told.messages.push(String(data)));
        ws.on('error', (error) => told.errors.push(error));
        ws.on('close', (closeCode) => told.ends.push({ closeCode }));
      });
      return portOf(server);
    },
  ],
];

/** Clients of every kind, which get the certificate as their authority. */
const CLIENTS: readonly [string, (told: Told, url: string) => Promise<void>][] = [
  [
    'newWebSocket',
    async (told, url) => {
      const ws = await newWebSocket(url, [], { ca: CERTIFICATE });
      ws.closed.then((end) => told.ends.push(end));
      const receive = async () => {
        for await (const data of ws) told.messages.push(String(data));
      };
      receive().catch(() => {});
    },
  ],
  [
    'the client of wasock/ws',
    async (told, url) => {
      const ws = new WASOCK.WebSocket(url, { ca: CERTIFICATE });
      onTestFinished(() => ws.terminate());
      ws.on('message', (data) => told.messages.push(String(data)));
      ws.on('error', (error) => told.errors.push(error));
      ws.on('close', (closeCode) => told.ends.push({ closeCode }));
      await once(ws, 'open');
    },
  ],
];

/**
 * Somebody on the way, who sees TLS records, can hold them back and can end the TCP connection: none of the ends says
 * close_notify then.
 */
class Eavesdropper {
  readonly #sockets: Socket[] = [];
  #holdsAfter = Number.POSITIVE_INFINITY;
  /** Bytes that were let through to the end that is cut off. */
  passed = 0;

  /** @param end which end is cut off: that which was connected to, or that which connects */
  constructor(down: Socket, up: Socket, end: 'server' | 'client') {
    const [from, to] = end === 'server' ? [down, up] : [up, down];
    this.#sockets.push(to, from);
    for (const socket of [down, up]) {
      socket.on('error', () => {});
      onTestFinished(() => void socket.destroy());
    }
    to.on('data', (bytes) => from.write(bytes)).on('end', () => from.end());
    from.on('data', (bytes: Buffer) => {
      const through = bytes.subarray(0, Math.max(0, this.#holdsAfter - this.passed));
      this.passed += through.length;
      if (through.length > 0) to.write(through);
    });
  }

  /** Lets so many bytes through and no more. */
  hold(more: number): void {
    this.#holdsAfter = this.passed + more;
  }

  /** FIN, with nothing before it. */
  cut(): void {
    this.#sockets[0].end();
  }

  static async before(port: number, end: 'server' | 'client'): Promise<{ port: number; theirs: Eavesdropper[] }> {
    const theirs: Eavesdropper[] = [];
    const server = net.createServer({ allowHalfOpen: true }, (down) => {
      theirs.push(new Eavesdropper(down, net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }), end));
    });
    return { port: await portOf(server), theirs };
  }
}

/** What was sent last before the connection is cut, and how much of its TLS records comes through. */
const CUTS: readonly [string, (role: Role) => Buffer, number][] = [
  ['between two frames', () => Buffer.alloc(0), Number.POSITIVE_INFINITY],
  ['in the middle of a header', (role) => frameFor(role, 1, 'x'.repeat(200)).subarray(0, 3), Number.POSITIVE_INFINITY],
  ['in the middle of a frame', (role) => frameFor(role, 1, 'not whole').subarray(0, 9), Number.POSITIVE_INFINITY],
  ['between two fragments', (role) => frameFor(role, 1, 'not all', { fin: false }), Number.POSITIVE_INFINITY],
  ['in the middle of a TLS record', (role) => frameFor(role, 1, 'not whole'), 12],
];

const ABNORMAL = { closeCode: 1006 };

describe.each(SERVERS)('%s, over TLS', (name, start) => {
  /** A peer with an open connection, on which a message has come, and somebody on its way. */
  async function opened() {
    const told = new Told();
    const { port, theirs } = await Eavesdropper.before(await start(told), 'server');
    const socket = tls.connect({ port, host: '127.0.0.1', ca: CERTIFICATE, servername: 'localhost' });
    await once(socket, 'secureConnect');
    const raw = new RawPeer(socket);
    raw.write(requestText());
    await raw.takeHead();
    raw.write(frameFor('server', 1, 'whole'));
    await until(() => told.messages.length === 1);
    return { told, socket, raw, eavesdropper: theirs[0] };
  }

  test.each(CUTS)('hostile.T-05: a connection that is cut %s is 1006, and not clean', async (_where, last, more) => {
    const { told, socket, eavesdropper } = await opened();
    const before = eavesdropper.passed;
    eavesdropper.hold(more);
    const bytes = last('server');
    if (bytes.length > 0) {
      socket.write(bytes);
      await until(() => eavesdropper.passed > before);
      await turns();
    }
    eavesdropper.cut();
    await until(() => told.ends.length > 0);
    expect(told.ends).toMatchObject([ABNORMAL]);
    if (name !== 'wasock/ws') expect(told.ends).toMatchObject([{ wasClean: false }]);
    expect({ messages: told.messages, errors: told.errors }).toEqual({ messages: ['whole'], errors: [] });
  });

  test('hostile.T-05: one that is cut after both Closes is as clean as any', async () => {
    const { told, raw, eavesdropper } = await opened();
    raw.write(frameFor('server', 8, Buffer.from([0x0f, 0xa0])));
    expect((await raw.take(4)).toString('hex')).toBe('88020fa0');
    eavesdropper.cut();
    await until(() => told.ends.length > 0);
    expect(told.ends).toMatchObject([{ closeCode: 4000 }]);
    if (name !== 'wasock/ws') expect(told.ends).toMatchObject([{ wasClean: true }]);
  });

  test('hostile.T-05: TLS records of one byte change nothing', async () => {
    const { told, socket } = await opened();
    for (const byte of frameFor('server', 1, 'in small records')) {
      socket.write(Buffer.of(byte));
      await turns(1);
    }
    await until(() => told.messages.length === 2);
    expect(told.messages[1]).toBe('in small records');
  });
});

describe.each(CLIENTS)('%s, over TLS', (name, open) => {
  test.each(CUTS)('hostile.T-05: a connection that is cut %s is 1006, and not clean', async (_where, last, more) => {
    const told = new Told();
    const accepted: TLSSocket[] = [];
    const server = tls.createServer(TLS, (socket) => {
      accepted.push(socket.on('error', () => {}));
      socket.once('data', (request) => socket.write(acceptance(request.toString('latin1'))));
    });
    const { port, theirs } = await Eavesdropper.before(await portOf(server), 'client');
    await open(told, `wss://localhost:${port}/`);
    accepted[0].write(frameFor('client', 1, 'whole'));
    await until(() => told.messages.length === 1);
    const before = theirs[0].passed;
    theirs[0].hold(more);
    const bytes = last('client');
    if (bytes.length > 0) {
      accepted[0].write(bytes);
      await until(() => theirs[0].passed > before);
      await turns();
    }
    theirs[0].cut();
    await until(() => told.ends.length > 0);
    expect(told.ends).toMatchObject([ABNORMAL]);
    if (name === 'newWebSocket') expect(told.ends).toMatchObject([{ wasClean: false }]);
    expect({ messages: told.messages, errors: told.errors }).toEqual({ messages: ['whole'], errors: [] });
  });
});

/** The first bytes of a TLS greeting, which announce more. */
const GREETING = Buffer.from('1603010200010001fc0303', 'hex');

describe('a TLS handshake that stalls on a server of serve', () => {
  test.each([
    ['before its first byte', ''],
    ['in the middle of the greeting', GREETING],
  ])('hostile.T-05: %s, is ended by handshakeTimeout, and others go on', async (_where, bytes) => {
    const told = new Told();
    const { port } = await served({
      tls: TLS,
      handshakeTimeout: 300,
      message: (_ws, data) => void told.messages.push(String(data)),
    });
    const ws = await newWebSocket(`wss://localhost:${port}/`, [], { ca: CERTIFICATE });
    onTestFinished(() => ws.hangup());
    const stalled = await rawClient(port);
    stalled.write(bytes);
    await stalled.takeAll();
    expect(stalled.ended).toBe(true);
    ws.send('still here');
    await until(() => told.messages.length === 1);
  });

  test('hostile.T-05: a byte now and then does not put the end off', async () => {
    const { port } = await served({ tls: TLS, handshakeTimeout: 300 });
    const slow = await rawClient(port);
    let sent = 0;
    // A whole greeting would take 50 s.
    while (!slow.ended && sent < GREETING.length + 500) {
      slow.write(sent < GREETING.length ? GREETING.subarray(sent, sent + 1) : '\0');
      sent++;
      await aWhile(100);
    }
    expect(sent).toBeLessThan(100);
  });

  test('hostile.T-05: after it, silence is ended as well', async () => {
    const { port } = await served({ tls: TLS, handshakeTimeout: 300 });
    const socket = tls.connect({ port, host: '127.0.0.1', ca: CERTIFICATE, servername: 'localhost' });
    await once(socket, 'secureConnect');
    const silent = new FramePeer(socket);
    await until(() => silent.ended || silent.closed);
    expect(silent.frames).toEqual([]);
  });
});
