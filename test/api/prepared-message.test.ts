import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { PreparedMessage, sharedOf } from '../../src/api/prepared-message.js';
import { type Data, newWebSocket, Opcode, prepare, type WebSocket, WebSocketClosedError } from '../../src/index.js';
import { frameFor } from '../support/framer.js';
import { rawWebSocket } from '../support/raw-peer.js';
import { acceptedSocket, connected, fillUp, listening, rejection, served, until } from '../support/servers.js';
import { nextFrame, nextText, restOf, topicServer } from '../support/subscribers.js';

describe('prepare', () => {
  test.each([
    ['a string', 'grüße', undefined, Opcode.Text, 'grüße'],
    ['an empty string', '', undefined, Opcode.Text, ''],
    ['bytes', Buffer.from('abc'), undefined, Opcode.Binary, 'abc'],
    ['a view', new Uint16Array([0x6261, 0x6463]), undefined, Opcode.Binary, 'abcd'],
    ['an ArrayBuffer', Uint8Array.from([97]).buffer, undefined, Opcode.Binary, 'a'],
    ['bytes as Text', Buffer.from('ü'), Opcode.Text, Opcode.Text, 'ü'],
    ['a string as Binary', 'ü', Opcode.Binary, Opcode.Binary, 'ü'],
    ['lone surrogates, which become U+FFFD', 'a\udc00', undefined, Opcode.Text, 'a\ufffd'],
  ] as [string, Data, Opcode | undefined, Opcode, string][])(
    'takes what send takes: %s',
    async (_title, data, opcode, expectedOpcode, expected) => {
      const message = prepare(data, opcode);
      expect(message).toBeInstanceOf(PreparedMessage);
      expect(message.opcode).toBe(expectedOpcode);
      expect(message.byteLength).toBe(Buffer.byteLength(expected));
      const { ws, peer } = await acceptedSocket();
      expect(ws.send(message)).toBeUndefined();
      const { opcode: sent, payload } = await nextFrame(peer);
      expect([sent, payload.toString()]).toEqual([expectedOpcode, expected]);
    },
  );

  test.each([
    ['no data', undefined],
    ['a number', 5],
    ['an object', {}],
    ['a prepared message', prepare('x')],
    ['a Ping', 'x', Opcode.Ping],
    ['a Pong', '', Opcode.Pong],
    ['a Close', '', Opcode.Close],
    ['a continuation', '', Opcode.Cont],
    ['null for an opcode', '', null],
    ['Text that is not UTF-8', Buffer.from([0xc0, 0x80]), Opcode.Text],
  ])('throws a TypeError for what is no message: %s', (_title, data, opcode?) => {
    expect(() => prepare(data as never, opcode as never)).toThrow(TypeError);
  });

  test('copies its input', async () => {
    const bytes = Buffer.from('before');
    const message = prepare(bytes);
    bytes.write('behind');
    const { ws, peer } = await acceptedSocket();
    ws.send(message);
    expect((await nextFrame(peer)).payload.toString()).toBe('before');
  });

  test('makes what cannot be changed: neither what it tells, nor its octets, which nobody sees', () => {
    const message = prepare('x');
    expect(() => Object.assign(message, { opcode: Opcode.Binary })).toThrow(TypeError);
    expect(() => Object.assign(message, { byteLength: 9 })).toThrow(TypeError);
    expect(Reflect.ownKeys(message)).toEqual([]);
    expect(sharedOf(message, undefined).plain.buffer.byteLength).toBe(3);
  });
});

describe('a prepared message', () => {
  test.each([0, 125, 126, 70_000])(
    'of %d octets goes to any socket of any server, any number of times',
    async (size) => {
      const message = prepare('x'.repeat(size));
      const [one, two] = [await topicServer(), await topicServer()];
      const joined = [await one.join('t'), await one.join('t'), await two.join('t')];
      for (const { ws } of joined) void ws.send(message);
      expect(one.server.publish('t', message)).toBe(2);
      expect(two.server.publish('t', message)).toBe(1);
      expect(joined[0].ws.publish('t', message)).toBe(1);
      const counts = [2, 3, 2];
      for (const [i, { peer }] of joined.entries()) {
        for (let n = 0; n < counts[i]; n++) expect((await nextText(peer)).length).toBe(size);
      }
      for (const each of joined) expect(await restOf(each)).toBe('');
    },
  );

  test('keeps its place among other messages', async () => {
    const { ws, peer } = await acceptedSocket();
    const message = prepare('2');
    ws.send('1');
    ws.send(message);
    ws.send('3');
    expect([await nextText(peer), await nextText(peer), await nextText(peer)]).toEqual(['1', '2', '3']);
  });

  test('is published to nobody with 0', async () => {
    const { server } = await topicServer();
    expect(server.publish('t', prepare('x'))).toBe(0);
  });

  test('has its opcode: another beside it is a TypeError', async () => {
    const { server, join } = await topicServer();
    const joined = await join('t');
    const message = prepare('x');
    for (const opcode of [Opcode.Text, Opcode.Binary, Opcode.Ping, null, 0] as never[]) {
      expect(() => joined.ws.send(message, opcode)).toThrow(TypeError);
      expect(() => joined.ws.publish('t', message, opcode)).toThrow(TypeError);
      expect(() => server.publish('t', message, opcode)).toThrow(TypeError);
      expect(() => server.publish('nobody', message, opcode)).toThrow(TypeError);
    }
    expect(() => joined.ws.ping(message as never)).toThrow(TypeError);
    expect(await restOf(joined)).toBe('');
  });

  test('cannot be forged', async () => {
    const { ws } = await acceptedSocket();
    const forged = Object.create(PreparedMessage.prototype);
    expect(() => ws.send(forged)).toThrow(TypeError);
  });

  test('is a TypeError on a client, in any state, and nothing is sent', async () => {
    const received: unknown[] = [];
    const { url } = await served({ message: (_ws, data) => void received.push(data) });
    const client = await connected(url);
    expect(() => client.send(prepare('x'))).toThrow(TypeError);
    client.send('sentinel');
    await until(() => received.length > 0);
    expect(received).toEqual(['sentinel']);
    client.hangup();
    expect(() => client.send(prepare('x'))).toThrow(TypeError);
  });

  test('goes to a socket that newWebSocket accepted from a socket of its own', async () => {
    const http = createServer();
    http.on('upgrade', (request, socket, head) => {
      newWebSocket(request, undefined, { socket, head }).then((ws) => ws.send(prepare('hi')));
    });
    const peer = await rawWebSocket(await listening(http));
    expect(await nextText(peer)).toBe('hi');
  });
});

describe('send of a prepared message judges the socket as send does', () => {
  const message = prepare(Buffer.alloc(60_000));

  async function overload(ws: WebSocket): Promise<void> {
    await fillUp(ws);
    while (ws.bufferedAmount <= 100_000) void ws.send(message);
  }

  test('a promise while the peer is behind, which settles when there is room', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.stopReading();
    await fillUp(ws);
    const sent = ws.send(prepare('x'));
    expect(sent).toBeInstanceOf(Promise);
    peer.readOn();
    expect(await sent).toBeUndefined();
  });

  test.each(['terminate', 'drop', 'wait'] as const)('slowPeer: %j', async (slowPeer) => {
    const { ws, peer } = await acceptedSocket({ maxBackpressure: 100_000, slowPeer });
    peer.stopReading();
    await overload(ws);
    const before = ws.bufferedAmount;
    const sent = ws.send(message);
    if (slowPeer === 'terminate') {
      expect(await rejection(sent as Promise<void>)).toMatchObject({ cause: { code: 'WASOCK_SLOW_PEER' } });
    } else {
      if (slowPeer === 'drop') expect(sent).toBeUndefined();
      else expect(await rejection(sent as Promise<void>)).toMatchObject({ code: 'WASOCK_BACKPRESSURE' });
      expect(ws.bufferedAmount).toBe(before);
      expect(ws.dropped).toBe(slowPeer === 'drop' ? 1 : 0);
    }
  });

  test('not open: a rejected promise, or nothing with onClosed: ignore', async () => {
    for (const onClosed of ['reject', 'ignore'] as const) {
      const { ws, peer } = await acceptedSocket({ onClosed });
      peer.write(frameFor('server', 8, ''));
      await ws.closed;
      const sent = ws.send(message);
      if (onClosed === 'ignore') expect(sent).toBeUndefined();
      else expect(await rejection(sent as Promise<void>)).toBeInstanceOf(WebSocketClosedError);
    }
  });

  test('with onClosed: ignore the end of the connection resolves the promise', async () => {
    const { ws, peer } = await acceptedSocket({ onClosed: 'ignore' });
    peer.stopReading();
    await fillUp(ws);
    const sent = ws.send(message);
    expect(sent).toBeInstanceOf(Promise);
    ws.hangup();
    expect(await sent).toBeUndefined();
  });
});
