import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { acceptUpgrades, newWebSocket } from '../../../src/index.js';
import { CERTIFICATE, PRIVATE_KEY } from '../../support/certificate.js';
import { frameFor } from '../../support/framer.js';
import { heldMemory } from '../../support/memory.js';
import { RawPeer, rawClient, requestText } from '../../support/raw-peer.js';
import { listening, served } from '../../support/servers.js';
import { turns, until } from '../../support/waiting.js';

const TLS = { cert: CERTIFICATE, key: PRIVATE_KEY };
const KiB = 1024;

/** A server that asks `decide` before it accepts, and what became of it. */
interface Slow {
  readonly port: number;
  readonly secure: boolean;
  /** Those about whom it has been asked. */
  readonly asked: IncomingMessage[];
  /** Those who left or were refused meanwhile. */
  aborted: number;
  readonly messages: string[];
}

type Decide = () => Promise<void> | undefined;

/** All ways from the kernel to a handshake that waits for its answer. */
const PATHS: Record<string, (decide: Decide) => Promise<Slow>> = {
  serve: (decide) => viaServe(decide, {}),
  'serve, TLS': (decide) => viaServe(decide, { tls: TLS }),
  'serve({ server })': (decide) => viaServe(decide, { server: http.createServer() }),
  acceptUpgrades: (decide) => viaAcceptUpgrades(decide, http.createServer()),
  'acceptUpgrades, TLS': (decide) => viaAcceptUpgrades(decide, https.createServer(TLS)),
};

async function viaServe(decide: Decide, options: { tls?: typeof TLS; server?: http.Server }): Promise<Slow> {
  const { server } = options;
  const slow = {
    secure: options.tls !== undefined,
    asked: [] as IncomingMessage[],
    aborted: 0,
    messages: [] as string[],
  };
  const { port } = await served({
    ...options,
    handshakeTimeout: 60_000,
    upgrade: (request, { signal }) => {
      slow.asked.push(request);
      signal.addEventListener('abort', () => slow.aborted++);
      return decide();
    },
    message: (_ws, data) => void slow.messages.push(String(data)),
  });
  return Object.assign(slow, { port: server === undefined ? port : await listening(server) });
}

async function viaAcceptUpgrades(decide: Decide, server: http.Server): Promise<Slow> {
  const secure = server instanceof https.Server;
  const slow = { secure, asked: [] as IncomingMessage[], aborted: 0, messages: [] as string[] };
  server.on('request', async (request: IncomingMessage) => {
    slow.asked.push(request);
    request.socket.on('close', () => slow.aborted++);
    await decide();
    const ws = await newWebSocket(request);
    for await (const message of ws) slow.messages.push(String(message));
  });
  const upgrades = acceptUpgrades(server, { handshakeTimeout: 60_000, onError: () => {} });
  onTestFinished(() => upgrades.close({ timeout: 1 }));
  return Object.assign(slow, { port: await listening(server) });
}

async function clientOf({ port, secure }: Slow): Promise<RawPeer> {
  if (!secure) return rawClient(port);
  const socket: Socket = tls.connect({ port, host: '127.0.0.1', ca: CERTIFICATE, servername: 'localhost' });
  await once(socket, 'secureConnect');
  return new RawPeer(socket);
}

/** What says when to answer. */
function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { decide: () => opened, open };
}

const numbered = (i: number) => frameFor('server', 1, String(i).padStart(100, '0'));

describe.each(Object.keys(PATHS))('%s: a client that does not wait for an answer that takes time', (path) => {
  test('loses nothing of up to 64 KiB: all arrives in order', async () => {
    const { decide, open } = gate();
    const slow = await PATHS[path](decide);
    const peer = await clientOf(slow);
    peer.write(Buffer.concat([Buffer.from(requestText()), numbered(0), numbered(1).subarray(0, 3)]));
    await until(() => slow.asked.length === 1);
    let rest = Buffer.concat([numbered(1).subarray(3), ...Array.from({ length: 548 }, (_, i) => numbered(i + 2))]);
    while (rest.length > 0) {
      peer.write(rest.subarray(0, 777));
      rest = rest.subarray(777);
      await turns(1);
    }
    await turns();
    open();
    peer.write(numbered(550));
    await until(() => slow.messages.length === 551);
    expect(slow.messages.map(Number)).toEqual(Array.from({ length: 551 }, (_, i) => i));
    expect(await peer.takeHead()).toMatch(/^HTTP\/1\.1 101 /);
  });

  test.each([
    ['at once', (peer: RawPeer, more: Buffer) => peer.write(Buffer.concat([Buffer.from(requestText()), more]))],
    [
      'later',
      (peer: RawPeer, more: Buffer) => {
        peer.write(requestText());
        setTimeout(() => peer.write(more), 30);
      },
    ],
  ])('is refused above 64 KiB, and nothing is kept: %s', async (_name, send) => {
    const slow = await PATHS[path](gate().decide);
    const more = Buffer.alloc(600 * KiB, numbered(0));
    const before = heldMemory().arrayBuffers;
    const peers = await Promise.all(Array.from({ length: 20 }, () => clientOf(slow)));
    for (const peer of peers) send(peer, more);
    for (const peer of peers) {
      const answer = await peer.takeHead();
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    }
    await until(() => slow.aborted === 20);
    expect(slow.asked.length).toBeLessThanOrEqual(20);
    for (const { socket } of peers) socket.destroy();
    await until(() => slow.asked.every(({ socket }) => socket.destroyed));
    expect(heldMemory().arrayBuffers - before).toBeLessThan(20 * 4 * KiB);
  });

  test('costs at most 64 KiB, also if it sends tiny pieces', async () => {
    const slow = await PATHS[path](gate().decide);
    const peers = await Promise.all(Array.from({ length: 10 }, () => clientOf(slow)));
    for (const peer of peers) peer.write(requestText());
    await until(() => slow.asked.length === 10);
    const before = heldMemory();
    for (let i = 0; i < 1000; i++) {
      for (const peer of peers) peer.write('x'.repeat(60));
      await turns(1);
    }
    await until(() => slow.asked.every(({ socket }) => socket.bytesRead >= 60_000));
    const { arrayBuffers, heap } = heldMemory();
    expect((arrayBuffers - before.arrayBuffers) / 10).toBeLessThan(70 * KiB);
    // A thousand Buffers would be twice as much.
    expect((heap - before.heap) / 10).toBeLessThan(100 * KiB);
    expect(slow.aborted).toBe(0);
  });

  test.each([
    ['FIN', (peer: RawPeer) => peer.socket.end()],
    ['RST', (peer: RawPeer) => (peer.socket instanceof tls.TLSSocket ? peer.socket.destroy() : peer.reset())],
  ])('is noticed when it leaves after 60 KiB: %s', async (_name, leave) => {
    const slow = await PATHS[path](gate().decide);
    const peer = await clientOf(slow);
    peer.write(requestText());
    await until(() => slow.asked.length === 1);
    peer.write(Buffer.alloc(60_000));
    await until(() => slow.asked[0].socket.bytesRead >= 60_000);
    leave(peer);
    await until(() => slow.aborted === 1);
    expect(slow.asked[0].socket.destroyed).toBe(true);
  });
});

test('serve: with an answer in the same turn all that came in the same read is taken', async () => {
  const slow = await PATHS.serve(() => undefined);
  const peer = await rawClient(slow.port);
  const frames = Array.from({ length: 3000 }, (_, i) => numbered(i));
  peer.write(Buffer.concat([Buffer.from(requestText()), ...frames]));
  await until(() => slow.messages.length === 3000);
  expect(slow.messages.map(Number)).toEqual(Array.from({ length: 3000 }, (_, i) => i));
});
