import { describe, expect, test } from 'vitest';
import { parseFrames } from '../support/frame-parser.js';
import { fragmentsFor, frameFor, octetsOf } from '../support/framer.js';
import { heldMemory } from '../support/memory.js';
import { type RawPeer, rawWebSocket } from '../support/raw-peer.js';
import { served, until as untilTrue } from '../support/servers.js';
import { turns, until } from '../support/waiting.js';
import { codeOf, ENDPOINTS } from './endpoints.js';

const masked = (opcode: number, payload: string | Uint8Array = '', form = {}) =>
  frameFor('server', opcode, payload, form);

const total = ({ heap, arrayBuffers }: ReturnType<typeof heldMemory>) => heap + arrayBuffers;

/** What V8's own code and feedback may add while a test runs, in octets. */
const NOISE = 600_000;

/** Writes `octets` so many times, waiting for the kernel each time it has enough. */
async function flood(peer: RawPeer, octets: Buffer, times: number): Promise<void> {
  for (let i = 0; i < times && !peer.socket.destroyed; i++) {
    peer.socket.write(octets);
    while (peer.socket.writableNeedDrain && !peer.socket.destroyed) await turns(1);
  }
}

describe.each(ENDPOINTS)('$style', ({ openEndpoint }) => {
  test('hostile.A2.1: a million fragments of one octet end with 1008 at the cap, and hold nothing', async () => {
    const endpoint = await openEndpoint();
    const peer = await rawWebSocket(endpoint.port);
    const before = total(heldMemory());
    peer.write(masked(2, 'a', { fin: false }));
    const more = Buffer.concat(Array<Buffer>(1000).fill(masked(0, 'a', { fin: false })));
    await flood(peer, more, 1000);
    const [close] = parseFrames(await peer.takeAll());
    expect(codeOf(close)).toBe(1008);
    await until(() => endpoint.ends.length > 0);
    expect(endpoint.errors).toEqual(['WASOCK_TOO_MANY_FRAGMENTS']);
    expect(total(heldMemory()) - before).toBeLessThan(64 * 1024 + NOISE);
  });

  test('hostile.A2.1 hostile.F-25: a frame in octets of their own holds no more than twice what has come', async () => {
    const endpoint = await openEndpoint();
    const peer = await rawWebSocket(endpoint.port);
    peer.socket.setNoDelay(true);
    const frame = masked(2, Buffer.alloc(3000, 7));
    const before = heldMemory().arrayBuffers;
    for (const octet of frame.subarray(0, 2500)) {
      peer.write(Buffer.of(octet));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await turns(50);
    expect(heldMemory().arrayBuffers - before).toBeLessThan(2 * 2500 + 64 * 1024);
    peer.write(frame.subarray(2500));
    await until(() => endpoint.messages.length > 0);
    expect(endpoint.messages).toEqual([Buffer.alloc(3000, 7)]);
  });

  test('hostile.A2.6: a frame that comes octet by octet and never ends is 1008 after messageTimeout', async () => {
    const endpoint = await openEndpoint({ messageTimeout: 300 });
    const peer = await rawWebSocket(endpoint.port);
    peer.write(octetsOf('82 ff 0000000000100000 00000000'));
    const trickle = setInterval(() => peer.write('x'), 20);
    const frames = parseFrames(await peer.takeAll());
    clearInterval(trickle);
    expect(frames.map(codeOf)).toEqual([1008]);
    await until(() => endpoint.ends.length > 0);
    expect(endpoint.errors).toEqual(['WASOCK_MESSAGE_TIMEOUT']);
    expect(endpoint.messages).toEqual([]);
  });

  test('hostile.A2.7 hostile.R-07: 500 000 Pings of one that reads nothing hold no more than 2 MB', async () => {
    const endpoint = await openEndpoint();
    const peer = await rawWebSocket(endpoint.port);
    peer.stopReading();
    const pings = Buffer.concat(Array<Buffer>(1000).fill(masked(9, Buffer.alloc(125, 1))));
    await flood(peer, pings, 20);
    const before = total(heldMemory());
    await flood(peer, pings, 480);
    // What the client itself has not written yet does not count.
    while (peer.socket.writableLength > 0 && !peer.socket.destroyed) await turns(1);
    expect(total(heldMemory()) - before).toBeLessThan(2_000_000);

    // It still gets Pongs, the latest of them last, once it reads.
    peer.readOn();
    peer.write(masked(9, 'the last'));
    await untilTrue(() => peer.received.includes('the last'));
    const pongs = parseFrames(peer.received);
    expect(pongs.every(({ opcode }) => opcode === 10)).toBe(true);
    expect(pongs.length).toBeLessThan(500_001);
    expect(pongs.at(-1)?.payload.toString()).toBe('the last');
  }, 60_000);
});

test('hostile.A2.2: fragments below the cap on 100 connections hold no more than twice their wire', async () => {
  const { port, server } = await served();
  const peers: RawPeer[] = [];
  for (let i = 0; i < 100; i++) peers.push(await rawWebSocket(port));
  const fragments = Buffer.concat(fragmentsFor('server', 2, Array<string>(1024).fill('a')).slice(0, 1023));
  await turns(20);
  const before = total(heldMemory());
  for (const peer of peers) peer.write(fragments);
  await until(() => [...server.connections].every((ws) => (ws.request?.socket.bytesRead ?? 0) >= fragments.length));
  expect(total(heldMemory()) - before).toBeLessThan(100 * 2 * fragments.length + NOISE);
});

test('hostile.F-29: a connection that is idle after a tiny frame in a large read holds nothing of it', async () => {
  const COUNT = 500;
  let messages = 0;
  const { port } = await served({ message: () => void messages++ });
  const peers: RawPeer[] = [];
  for (let i = 0; i < COUNT; i++) peers.push(await rawWebSocket(port));
  const octets = Buffer.concat([masked(2, 'x'), masked(2, Buffer.alloc(60_000)), masked(9, 'ping')]);
  // The code of the first is compiled, and memory that all share is there.
  peers[0].write(octets);
  await until(() => messages === 2);
  const before = heldMemory();
  for (const peer of peers.slice(1)) peer.write(octets);
  await until(() => messages === COUNT * 2 && peers.every((peer) => peer.received.length > 0));
  for (const peer of peers) peer.received = Buffer.alloc(0);
  await turns(20);
  const after = heldMemory();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(256 * COUNT);
  expect(after.heap - before.heap).toBeLessThan(256 * COUNT + NOISE);
});
