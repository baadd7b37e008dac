import { describe, expect, onTestFinished, test } from 'vitest';
import { type ClientOptions, newWebSocket } from '../../src/api/new-websocket.js';
import type { Data } from '../../src/api/payload.js';
import { Opcode } from '../../src/protocol/opcode.js';
import { CLOSES, LENGTHS, MORE_CLOSES } from './exchanges.js';

/** What `/fragments` sends, in three fragments each, with a Ping in between. */
export const FRAGMENTED_TEXT = ['Grü', 'ße, 世', '界 🌍'];
export const FRAGMENTED_BINARY = [Buffer.from([0, 1]), Buffer.alloc(70_000, 2), Buffer.from([255])];

/**
 * Our client with a server of another make that has, for each path, one behaviour:
 *
 * - `/echo?id=ID` sends back what it is sent, and speaks the subprotocol `beta`
 * - `/ended?id=ID` tells, as JSON, with which code and reason the socket above was closed
 * - `/close?code=CODE&reason=REASON` closes at once
 * - `/ping` sends the Ping `Are you there?`, and the text `pong` when its Pong comes
 * - `/fragments` sends FRAGMENTED_TEXT and FRAGMENTED_BINARY
 * - `/offer` tells the value of the request's Sec-WebSocket-Extensions
 *
 * @param base `ws://host:port` of it, once it runs
 * @param compression what our client is to offer
 */
export function describeOurClient(base: () => string, compression: ClientOptions['compression'] = false): void {
  async function open(target: string, protocols?: string[], options?: ClientOptions) {
    const ws = await newWebSocket(`${base()}${target}`, protocols, { compression, ...options });
    onTestFinished(() => ws.hangup());
    return ws;
  }

  describe('is sent back', () => {
    test.each(['Hello', 'Grüße, 世界 🌍', ''])('the Text %j', async (text) => {
      const ws = await open('/echo');
      await ws.send(text);
      expect(await ws.receiveStrPacket()).toBe(text);
    });

    test.each(LENGTHS)('Text and Binary of %i octets', async (length) => {
      const ws = await open('/echo');
      const bytes = Buffer.from(Uint8Array.from({ length }, (_, i) => i * 31));
      await ws.send(bytes);
      expect(bytes.equals(await ws.receiveBinaryPacket())).toBe(true);
      await ws.send('x'.repeat(length));
      expect((await ws.receiveStrPacket()) === 'x'.repeat(length)).toBe(true);
    });

    test('200 messages that were sent at once, in order', async () => {
      const ws = await open('/echo');
      const messages: Data[] = Array.from({ length: 200 }, (_, i) => `message ${i}`);
      for (const message of messages) void ws.send(message);
      const received: unknown[] = [];
      for (let i = 0; i < messages.length; i++) received.push(await ws.receiveStrPacket());
      expect(received).toEqual(messages);
    });
  });

  test('joins fragments, with a Ping between them', async () => {
    const ws = await open('/fragments');
    expect(await ws.receiveStrPacket()).toBe(FRAGMENTED_TEXT.join(''));
    expect(Buffer.concat(FRAGMENTED_BINARY).equals(await ws.receiveBinaryPacket())).toBe(true);
  });

  test('answers a Ping', async () => {
    const ws = await open('/ping');
    expect(await ws.receiveStrPacket()).toBe('pong');
  });

  test.each(['', 'Are you there?', 'x'.repeat(125)])('gets its Ping %j answered', async (payload) => {
    const ws = await open('/echo', [], { raw: true });
    await ws.ping(payload);
    expect(await ws.receivePacket()).toMatchObject({ opcode: Opcode.Pong, data: Buffer.from(payload) });
  });

  test('agrees on a subprotocol', async () => {
    const ws = await open('/echo', ['alpha', 'beta']);
    expect(ws.protocol).toBe('beta');
  });

  test('offers compression if it is to, and no other extension', async () => {
    const ws = await open('/offer');
    expect(await ws.receiveStrPacket()).toMatch(compression === false ? /^$/ : /^permessage-deflate[^,]*$/);
    expect(ws.compression !== null).toBe(compression !== false);
  });

  test.each([...CLOSES, ...MORE_CLOSES])('closes with %i %j', async (code, reason) => {
    const id = `${code} ${reason}`;
    const ws = await open(`/echo?id=${encodeURIComponent(id)}`);
    expect(await ws.close(code, reason)).toMatchObject({ closeCode: code, wasClean: true });
    const ended = await open(`/ended?id=${encodeURIComponent(id)}`);
    expect(JSON.parse(await ended.receiveStrPacket())).toEqual({ code, reason });
  });

  test.each([...CLOSES, ...MORE_CLOSES])('is closed with %i %j', async (code, reason) => {
    const ws = await open(`/close?code=${code}&reason=${encodeURIComponent(reason)}`);
    expect(await ws.closed).toEqual({ closeCode: code, reason, wasClean: true });
    await expect(ws.receivePacket()).rejects.toMatchObject({ name: 'WebSocketClosedError', closeCode: code, reason });
  });
}
