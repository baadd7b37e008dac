import { describe, expect, test } from 'vitest';
import { newWebSocket, Opcode, ReadyState, type WebSocket, WebSocketClosedError } from '../../src/index.js';
import { FAULT } from '../../src/protocol/faults.js';
import { closeHex, frameFor } from '../support/framer.js';
import { RawServer, rawWebSocket } from '../support/raw-peer.js';
import {
  acceptedSocket,
  aWhile,
  awaiting,
  connected,
  fillUp,
  rejection,
  served,
  settles,
  until,
  withResolvers,
} from '../support/servers.js';

const text = (payload: string) => frameFor('server', Opcode.Text, payload);
const close = (code: number) => frameFor('server', Opcode.Close, Buffer.from([code >> 8, code & 255]));

describe('send', () => {
  test('returns undefined when the bytes are the caller’s again', async () => {
    const { ws, peer } = await acceptedSocket();
    const bytes = Buffer.from('mine');
    expect(ws.send(bytes)).toBeUndefined();
    bytes.fill('x');
    expect((await peer.take(6)).toString('latin1')).toBe('\x82\x04mine');
  });

  test('hostile.A-08: returns a promise while the kernel still reads the bytes, and settles when they are free', async () => {
    const { ws, peer } = await acceptedSocket({ maxBackpressure: Number.POSITIVE_INFINITY });
    peer.stopReading();
    const { sent } = await fillUp(ws, Buffer.alloc(1_048_576, 1));
    const waiting = ws.bufferedAmount;
    expect(waiting).toBeGreaterThan(0);
    peer.readOn();
    await sent;
    ws.hangup();
    const octets = await peer.takeAll();
    expect(octets.includes(2)).toBe(false);
  });

  test('throws nothing for the state, in any state', async () => {
    const { ws, peer } = await acceptedSocket();
    const closed = ws.close();
    expect(await rejection(ws.send('x'))).toBeInstanceOf(WebSocketClosedError);
    peer.write(close(1000));
    await closed;
    expect(await rejection(ws.send('x'))).toMatchObject({ closeCode: 1000, wasClean: true });
    expect(() => ws.send(5 as never)).toThrow(TypeError);
  });

  test('a client never masks in the memory of the caller', async () => {
    const { url, server } = await served({ message: (ws, data) => void ws.send(data) });
    const ws = await connected(url);
    for (const length of [10, 1000, 100_000]) {
      const bytes = Buffer.alloc(length, 'abc');
      const before = Buffer.from(bytes);
      await ws.send(bytes);
      expect(bytes.equals(before)).toBe(true);
      expect((await ws.receiveBinaryPacket()).equals(before)).toBe(true);
    }
    expect(server.connections.size).toBe(1);
  });

  test('bufferedAmount is 0 when all is written, and on a closed socket', async () => {
    const { ws, peer } = await acceptedSocket();
    ws.send('hello');
    expect(ws.bufferedAmount).toBe(7);
    await peer.take(7);
    expect(ws.bufferedAmount).toBe(0);
    ws.send('hello');
    ws.hangup();
    await ws.closed;
    expect(ws.bufferedAmount).toBe(0);
  });
});

describe('receive…', () => {
  test('messages that arrive before the first call wait', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(Buffer.concat([text('a'), text('b')]));
    await aWhile();
    expect(await ws.receiveStrPacket()).toBe('a');
    expect(await ws.receiveStrPacket()).toBe('b');
  });

  test('what is handed over stays as it is when more arrives', async () => {
    const { ws, peer } = await acceptedSocket();
    const received: Buffer[] = [];
    for (let i = 0; i < 50; i++) {
      peer.write(frameFor('server', Opcode.Binary, Buffer.alloc(100, i)));
      received.push(await ws.receiveBinaryPacket());
    }
    expect(received.every((bytes, i) => bytes.equals(Buffer.alloc(100, i)))).toBe(true);
  });

  test('textAs: "bytes" hands Text over as bytes, and receiveStrPacket still as a string', async () => {
    const { ws, peer } = await acceptedSocket({ textAs: 'bytes' });
    peer.write(Buffer.concat([text('grüße'), text('grüße')]));
    expect(await ws.receivePacket()).toMatchObject({ opcode: Opcode.Text, data: Buffer.from('grüße') });
    expect(await ws.receiveStrPacket()).toBe('grüße');
  });

  test('every message is an own copy', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(Buffer.concat([frameFor('server', 2, 'aaaa'), frameFor('server', 2, 'bbbb')]));
    const [a, b] = [await ws.receiveBinaryPacket(), await ws.receiveBinaryPacket()];
    peer.write(frameFor('server', 2, 'cccc'));
    await ws.receiveBinaryPacket();
    expect([a.toString(), b.toString()]).toEqual(['aaaa', 'bbbb']);
  });

  test('messages that wait come before the rejection', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(Buffer.concat([text('a'), text('b'), close(4000)]));
    await ws.closed;
    expect(await ws.receiveStrPacket()).toBe('a');
    expect(await ws.receiveStrPacket()).toBe('b');
    expect(await rejection(ws.receiveStrPacket())).toMatchObject({ closeCode: 4000 });
    expect(await rejection(ws.receivePacket())).toMatchObject({ closeCode: 4000 });
  });

  test('on a socket of serve a TypeError', async () => {
    const { promise, resolve } = withResolvers<WebSocket>();
    const { url } = await served({ open: (ws) => resolve(ws) });
    await connected(url);
    const ws = await promise;
    expect(await rejection(ws.receivePacket())).toBeInstanceOf(TypeError);
    expect(await rejection(ws.receiveStrPacket())).toBeInstanceOf(TypeError);
    expect(await rejection(ws.receiveBinaryPacket())).toBeInstanceOf(TypeError);
    expect(await rejection(ws[Symbol.asyncIterator]().next())).toBeInstanceOf(TypeError);
    expect(ws.readyState).toBe(ReadyState.Open);
  });
});

describe('for await', () => {
  test.each([
    { end: close(1000), title: '1000' },
    { end: close(1001), title: '1001' },
    { end: frameFor('server', Opcode.Close), title: 'without a code' },
  ])('yields strings and Buffers, and ends after a Close $title', async ({ end }) => {
    const { ws, peer } = await acceptedSocket();
    peer.write(Buffer.concat([text('a'), frameFor('server', Opcode.Binary, 'b'), end]));
    const messages: unknown[] = [];
    for await (const message of ws) messages.push(message);
    expect(messages).toEqual(['a', Buffer.from('b')]);
  });

  test('throws after any other Close', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(Buffer.concat([text('a'), close(4000)]));
    const messages: unknown[] = [];
    const iteration = (async () => {
      for await (const message of ws) messages.push(message);
    })();
    expect(await rejection(iteration)).toMatchObject({ name: 'WebSocketClosedError', closeCode: 4000 });
    expect(messages).toEqual(['a']);
  });

  test('throws when the connection breaks', async () => {
    const { ws, peer } = await acceptedSocket();
    const iteration = rejection(ws[Symbol.asyncIterator]().next());
    peer.reset();
    expect(await iteration).toMatchObject({ closeCode: 1006 });
  });

  test('break closes with 1000', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(Buffer.concat([text('a'), text('b')]));
    for await (const message of ws) {
      expect(message).toBe('a');
      break;
    }
    expect((await peer.take(4)).toString('hex')).toBe('880203e8');
    peer.write(close(1000));
    expect(await ws.closed).toMatchObject({ closeCode: 1000, wasClean: true });
  });

  test('an error in the loop closes with 1011 where the library learns of it', async () => {
    const { port, errors } = await awaiting(async (request) => {
      for await (const message of await newWebSocket(request)) JSON.parse(String(message));
    });
    const peer = await rawWebSocket(port);
    peer.write(text('{'));
    expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1011, 'Internal error'));
    expect(errors).toMatchObject([{ name: 'SyntaxError' }]);
  });

  test('an error in the loop that is caught outside closes with 1000', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(text('{'));
    const iteration = (async () => {
      for await (const message of ws) JSON.parse(String(message));
    })();
    expect(await rejection(iteration)).toBeInstanceOf(SyntaxError);
    expect((await peer.take(4)).toString('hex')).toBe('880203e8');
  });
});

describe('pause and resume', () => {
  test('a paused socket hands nothing over, not even what was read with the message before', async () => {
    const messages: unknown[] = [];
    const { promise, resolve } = withResolvers<WebSocket>();
    const { port } = await served({
      open: (ws) => resolve(ws),
      message: (ws, data) => {
        messages.push(data);
        if (data === 'b') ws.pause();
      },
    });
    const peer = await rawWebSocket(port);
    peer.write(Buffer.concat(['a', 'b', 'c', 'd'].map(text)));
    await aWhile();
    peer.write(text('e'));
    await aWhile();
    expect(messages).toEqual(['a', 'b']);
    (await promise).resume();
    await until(() => messages.length === 5);
    expect(messages).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('a socket that the user paused is not resumed by receiving', async () => {
    const { ws, peer } = await acceptedSocket();
    const texts = Array.from({ length: 30 }, (_, i) => `${i}`.padEnd(60_000));
    peer.write(Buffer.concat(texts.map(text)));
    await aWhile();
    ws.pause();
    // One in the reserve is what makes it more than full.
    const queued = 19;
    for (let i = 0; i < queued; i++) expect(await ws.receiveStrPacket()).toBe(texts[i]);
    const next = ws.receiveStrPacket();
    expect(await settles(next)).toBe(false);
    ws.resume();
    expect(await next).toBe(texts[queued]);
  });

  test('close works on a paused socket', async () => {
    const { ws, peer } = await acceptedSocket();
    ws.pause();
    const closed = ws.close();
    peer.write(close(1000));
    expect(await closed).toMatchObject({ wasClean: true });
  });
});

describe('closing', () => {
  test('closed resolves for those who ask before and for those who ask after', async () => {
    const { ws, peer } = await acceptedSocket();
    const before = ws.closed;
    expect(ws.closed).toBe(before);
    peer.write(close(4000));
    const result = await before;
    expect(result).toEqual({ closeCode: 4000, reason: '', wasClean: true });
    expect(await ws.closed).toBe(result);
    const other = await acceptedSocket();
    other.ws.hangup();
    await aWhile();
    expect(await other.ws.closed).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });

  test.each([
    { args: [999], error: TypeError },
    { args: [1005], error: TypeError },
    { args: [1006], error: TypeError },
    { args: [1015], error: TypeError },
    { args: [2999], error: TypeError },
    { args: [70_000], error: TypeError },
    { args: ['1000'], error: TypeError },
    { args: [1000, 'x'.repeat(124)], error: RangeError },
    { args: [1000, 'ü'.repeat(62)], error: RangeError },
  ])('hostile.A-06: close(…$args) throws before anything changes', async ({ args, error }) => {
    const { ws, peer } = await acceptedSocket();
    expect(() => ws.close(...(args as [number, string]))).toThrow(error);
    expect(ws.readyState).toBe(ReadyState.Open);
    ws.send('x');
    expect((await peer.take(3)).toString('latin1')).toBe('\x81\x01x');
  });

  test('remoteAddress and the rest of the handshake stay readable after the end', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.reset();
    await ws.closed;
    expect(ws.remoteAddress).toBe('127.0.0.1');
    expect(ws.request?.url).toBe('/ws');
    expect(ws.key).not.toBe('');
  });

  test('hostile.A7.3: every method in every state has its result or a typed error', async () => {
    const { ws, peer, server } = await acceptedSocket();
    const tryAll = async () => {
      for (const action of [
        () => ws.send('x'),
        () => ws.ping(),
        () => ws.receivePacket(),
        () => ws.receiveStrPacket(),
      ]) {
        const error = await Promise.race([rejection(Promise.resolve(action())), aWhile(20)]);
        if (error !== undefined) expect(error).toBeInstanceOf(WebSocketClosedError);
      }
      ws.setupPings(1)();
      ws.pause();
      ws.resume();
      ws.hangup();
      expect(await ws.close()).toMatchObject({ closeCode: 1006 });
    };
    const closed = ws.close();
    ws.pause();
    ws.resume();
    expect(await rejection(ws.send('x'))).toBeInstanceOf(WebSocketClosedError);
    peer.reset();
    await closed;
    await tryAll();
    await server.upgrades.close();
    await tryAll();
  });
});

describe('setupPings', () => {
  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('%d seconds are a RangeError', async (seconds) => {
    const { ws } = await acceptedSocket();
    expect(() => ws.setupPings(seconds)).toThrow(RangeError);
  });

  test('what is no number is a TypeError, a time-out below 0 a RangeError', async () => {
    const { ws } = await acceptedSocket();
    expect(() => ws.setupPings('1' as never)).toThrow(TypeError);
    expect(() => ws.setupPings(1, { timeout: '1' as never })).toThrow(TypeError);
    expect(() => ws.setupPings(1, { timeout: -1 })).toThrow(RangeError);
    expect(() => ws.setupPings(1, { timeout: Number.POSITIVE_INFINITY })).not.toThrow();
  });

  test('replaces the keepalive that the socket had', async () => {
    const { ws, peer } = await acceptedSocket({ pingInterval: 50, pongTimeout: 100 });
    ws.setupPings(3600);
    expect((await peer.take(2)).toString('hex')).toBe('8900');
    await aWhile(400);
    expect(peer.received).toHaveLength(0);
    expect(ws.readyState).toBe(ReadyState.Open);
  });
});

describe('keepalive', () => {
  test('a server pings every pingInterval and ends a connection without a Pong after pongTimeout', async () => {
    const { ws, peer } = await acceptedSocket({ pingInterval: 60, pongTimeout: 100 });
    expect((await peer.take(2)).toString('hex')).toBe('8900');
    peer.write(frameFor('server', Opcode.Pong));
    const error = await rejection(ws.receivePacket());
    expect(error.cause).toMatchObject({ code: 'WASOCK_PONG_TIMEOUT' });
  });

  test('idleTimeout ends a connection from which nothing comes', async () => {
    const { ws } = await acceptedSocket({ idleTimeout: 100 });
    expect((await rejection(ws.receivePacket())).cause).toMatchObject({ code: 'WASOCK_IDLE_TIMEOUT' });
  });

  test('messageTimeout fails a connection on which a message does not end', async () => {
    const { ws, peer } = await acceptedSocket({ messageTimeout: 100 });
    peer.write(text('hello').subarray(0, 8));
    const error = await rejection(ws.receivePacket());
    expect(error.cause).toMatchObject({ code: 'WASOCK_MESSAGE_TIMEOUT', sentCloseCode: 1008 });
    expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1008, `${FAULT.MESSAGE_TIMEOUT.message} 100`));
  });

  test('a client sends no Pings unless it is told to', async () => {
    const server = await RawServer.listen();
    const opening = connected(server.url, [], { pingInterval: 60 });
    const { peer } = await server.accept();
    await opening;
    expect((await peer.take(6)).subarray(0, 2).toString('hex')).toBe('8980');
  });
});
