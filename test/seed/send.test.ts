import { describe, expect, test } from 'vitest';
import { Opcode, WebSocketClosedError } from '../../src/index.js';
import { UNCOUNTED } from '../../src/net/counters.js';
import type { Transport } from '../../src/net/transport/transport.js';
import { Outbox } from '../../src/net/writing/outbox.js';
import { FIN } from '../../src/protocol/opcode.js';
import { frameFor } from '../support/framer.js';
import { RawServer, rawWebSocket } from '../support/raw-peer.js';
import { acceptedSocket, connected, fillUp, rejection, served, until } from '../support/servers.js';

/** A client's socket and the raw server that it talks to. */
async function client(options = {}) {
  const server = await RawServer.listen();
  const opening = connected(server.url, [], options);
  const { peer } = await server.accept();
  return { ws: await opening, peer };
}

/** The next masked frame of a client, taken apart. */
async function maskedFrame(peer: Awaited<ReturnType<typeof client>>['peer']) {
  const head = await peer.take(2);
  const length7 = head[1] & 0x7f;
  const extended = length7 < 126 ? Buffer.alloc(0) : await peer.take(length7 === 126 ? 2 : 8);
  const length = extended.length === 0 ? length7 : Number(`0x${extended.toString('hex')}`);
  const key = await peer.take(4);
  const masked = await peer.take(length);
  return {
    head: Buffer.concat([head, extended]).toString('hex'),
    key,
    masked,
    payload: masked.map((octet, i) => octet ^ key[i & 3]),
  };
}

const LINE = 'How are you? This is a test line. '.slice(0, 34);

describe('sending', () => {
  test('seed.T1 hostile.A-04: on a socket that is not open the promise rejects, and nothing is sent', async () => {
    const { ws, peer } = await acceptedSocket();
    const closed = ws.close();
    const error = await rejection(ws.send('too late') as Promise<void>);
    expect(error).toBeInstanceOf(WebSocketClosedError);
    peer.socket.end(frameFor('server', Opcode.Close));
    await closed;
    expect(await rejection(ws.send('later still') as Promise<void>)).toBeInstanceOf(WebSocketClosedError);
    expect((await peer.takeAll()).toString('hex')).toBe('880203e8');
  });

  test('seed.T1: with onClosed: "ignore" it resolves instead', async () => {
    const { ws, peer } = await acceptedSocket({ onClosed: 'ignore' });
    ws.hangup();
    expect(await ws.send('into the void')).toBeUndefined();
    // There is no round trip to tell of.
    expect(await ws.ping()).toBeNaN();
    expect((await peer.takeAll()).length).toBe(0);
  });

  test('seed.T2: a failure to send rejects the promise of that send', async () => {
    const { ws, peer } = await acceptedSocket({ highWaterMark: 1024, maxBackpressure: Number.POSITIVE_INFINITY });
    peer.stopReading();
    const { sent } = await fillUp(ws);
    peer.reset();
    const error = await rejection(sent);
    expect(error).toBeInstanceOf(WebSocketClosedError);
    expect(error).toMatchObject({ closeCode: 1006, wasClean: false });
  });

  test('seed.T2: with onClosed: "ignore" the failure is swallowed', async () => {
    const { ws, peer } = await acceptedSocket({
      onClosed: 'ignore',
      highWaterMark: 1024,
      maxBackpressure: Number.POSITIVE_INFINITY,
    });
    peer.stopReading();
    const { sent } = await fillUp(ws);
    peer.reset();
    expect(await sent).toBeUndefined();
  });

  test.each([
    { length: 0, header: '8200' },
    { length: 125, header: '827d' },
    { length: 126, header: '827e007e' },
    { length: 65_535, header: '827effff' },
    { length: 65_536, header: '827f0000000000010000' },
  ])('seed.T3: $length octets leave in one frame with FIN and the shortest length', async ({ length, header }) => {
    const { ws, peer } = await acceptedSocket();
    ws.send(Buffer.alloc(length, 7));
    const octets = header.length / 2;
    expect((await peer.take(octets)).toString('hex')).toBe(header);
    expect((await peer.take(length)).equals(Buffer.alloc(length, 7))).toBe(true);
    ws.hangup();
    expect((await peer.takeAll()).length).toBe(0);
  });

  test('seed.T4: all frames of one turn leave in one write, without a sleep in between', async () => {
    const reads: number[] = [];
    const { ws, peer } = await acceptedSocket();
    peer.socket.on('data', (chunk) => reads.push(chunk.length));
    for (let i = 0; i < 1000; i++) ws.send('x');
    await until(() => peer.received.length === 3000);
    expect(reads).toEqual([3000]);
  });

  test('seed.T4: a promise tells that the peer is behind, and when it has caught up', async () => {
    const { ws, peer } = await acceptedSocket({ highWaterMark: 1024, maxBackpressure: Number.POSITIVE_INFINITY });
    peer.stopReading();
    const { sent } = await fillUp(ws);
    expect(ws.bufferedAmount).toBeGreaterThan(1024);
    peer.readOn();
    await sent;
    expect(ws.bufferedAmount).toBeLessThanOrEqual(1024);
  });

  test('seed.T5: a client masks every frame with a key of its own', async () => {
    const { ws, peer } = await client();
    const keys = new Set<string>();
    for (let i = 0; i < 50; i++) {
      ws.send('hello');
      const { head, key, payload } = await maskedFrame(peer);
      expect(head).toBe('8185');
      expect(Buffer.from(payload).toString()).toBe('hello');
      keys.add(key.toString('hex'));
    }
    expect(keys.size).toBe(50);
  });

  test('seed.T5: a server does not mask', async () => {
    const { url } = await served({ open: (ws) => void ws.send('hello') });
    const peer = await rawWebSocket(Number(new URL(url).port));
    expect((await peer.take(7)).toString('latin1')).toBe('\x81\x05hello');
  });

  test('seed.T6: a Ping or Pong over 125 octets is a RangeError, and nothing is sent', async () => {
    const { ws, peer } = await acceptedSocket();
    expect(() => ws.ping('x'.repeat(126))).toThrow(RangeError);
    expect(() => ws.ping('ü'.repeat(63))).toThrow(RangeError);
    expect(() => ws.send(Buffer.alloc(126), Opcode.Pong)).toThrow(RangeError);
    ws.ping('x'.repeat(125));
    expect((await peer.take(127)).toString('latin1')).toBe(`\x89\x7d${'x'.repeat(125)}`);
    ws.hangup();
    expect((await peer.takeAll()).length).toBe(0);
  });

  test.each([
    { title: '"hi there"', text: 'hi there', header: '8108' },
    { title: '33 lines', text: LINE.repeat(33), header: '817e0462' },
    { title: '3201 lines', text: LINE.repeat(3201), header: '817f000000000001a922' },
  ])('seed.T7: the octets of $title', async ({ text, header }) => {
    const { ws, peer } = await acceptedSocket();
    ws.send(text);
    expect((await peer.take(header.length / 2)).toString('hex')).toBe(header);
    expect((await peer.take(text.length)).toString()).toBe(text);
  });

  test('seed.T7: the octets of a masked message, given its masking key', () => {
    const written: string[] = [];
    const transport = {
      releasesMemory: true,
      write(part: Uint8Array) {
        written.push(Buffer.from(part).toString('hex'));
        return true;
      },
    } as unknown as Transport;
    // Of CF D8 05 65 the first octet is the lowest of the number.
    const maskingKey = () => 0x65_05_d8_cf;
    const events = { onDrain() {}, onDeparted() {}, onWritten() {}, closedError: () => new Error() };
    const outbox = new Outbox(transport, events, {
      highWaterMark: 65_536,
      maskingKey,
      counters: UNCOUNTED,
      maxBackpressure: Number.POSITIVE_INFINITY,
      deflater: null,
    });
    outbox.append(FIN | Opcode.Text, 'hi there');
    outbox.flush();
    expect(written).toEqual(['8188cfd80565a7b12511a7bd7700']);
  });
});
