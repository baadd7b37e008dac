import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Envelopes } from '../../src/broker/envelope.js';
import { Opcode, prepare, type Server, serve, type WebSocket } from '../../src/index.js';
import { encodeKeptFrame } from '../../src/net/writing/shared-frames.js';
import { FakeBroker } from '../support/fake-broker.js';
import { heldMemory } from '../support/memory.js';
import { RawPeer, requestText } from '../support/raw-peer.js';
import { turns, until } from '../support/waiting.js';

const SOCKETS = 1000;
/** What a client of a broker reads in one piece: a message that arrives is a view of it. */
const READ = 65_536;

/** A payload as another process makes it, as a view of a piece that holds nothing else of use. */
function arrivedPayload(topic: string, sequence: number, text: string): Buffer {
  const envelopes = new Envelopes(Buffer.alloc(16, 7), 'wasock:', []);
  const payload = envelopes.seal(topic, sequence, false, true, encodeKeptFrame(Opcode.Text, text));
  const piece = Buffer.allocUnsafeSlow(READ);
  payload.copy(piece, 1000);
  return piece.subarray(1000, 1000 + payload.length);
}

/** A server with sockets that do not read, each subscribed to the topic of its number. The kernel keeps little for a Unix socket. */
async function stalledServer(broker: FakeBroker) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'wasock-held-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const unix = path.join(folder, 'socket');
  const sockets: WebSocket[] = [];
  const server: Server = await serve({
    unix,
    broker,
    open(ws) {
      ws.subscribe('all');
      ws.subscribe(`${sockets.push(ws) - 1}`);
    },
  });
  onTestFinished(() => server.close({ timeout: 1 }));
  const peers: RawPeer[] = [];
  for (let i = 0; i < SOCKETS; i++) {
    const socket = net.connect(unix);
    await once(socket, 'connect');
    const peer = new RawPeer(socket);
    peers.push(peer);
    peer.write(requestText());
    await peer.takeHead();
    peer.stopReading();
  }
  server.publish('all', prepare(Buffer.alloc(500_000)));
  await until(() => sockets.every(({ bufferedAmount }) => bufferedAmount > 0));
  return { server, sockets, peers };
}

test('broker.A-12: a thousand stalled sockets keep none of what the broker has read, and one copy of what they share', async () => {
  const broker = new FakeBroker();
  const { server, sockets, peers } = await stalledServer(broker);
  const waiting = () => sockets.map(({ bufferedAmount }) => bufferedAmount);
  /** What is held after these messages have come that was not before. */
  const heldAfter = async (arrive: () => void) => {
    const before = heldMemory().arrayBuffers;
    arrive();
    await turns();
    return heldMemory().arrayBuffers - before;
  };
  await turns();
  const amounts = waiting();
  const own = await heldAfter(() => {
    for (let i = 0; i < SOCKETS; i++) broker.onMessage!(`${i}`, arrivedPayload(`${i}`, 1, `to ${i}`.padEnd(100)));
  });
  expect(waiting()).toEqual(amounts.map((amount) => amount + 102));
  expect(own).toBeLessThan(SOCKETS * 2048);
  const shared = await heldAfter(() => broker.onMessage!('all', arrivedPayload('all', 1, 'x'.repeat(40_000))));
  expect(waiting()).toEqual(amounts.map((amount) => amount + 102 + 40_004));
  // One copy, without the piece that it came in.
  expect(shared).toBeLessThan(40_004 + READ);
  expect(peers.length + server.connections.size).toBe(2 * SOCKETS);
});
