import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { Duplex, Writable } from 'node:stream';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { WebSocket, WebSocketServer } from 'ws';
import { parseFrames } from '../support/frame-parser.js';
import { frameFor } from '../support/framer.js';
import { turns, until } from '../support/waiting.js';
import { IMPLEMENTATIONS, type Implementation, inner, NPM_WS } from './implementations.js';
import { connect, listen } from './pairs.js';

/** Two ends of a connection in memory: plain streams, without a socket's methods. */
function memoryPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [0, 1].map(
    (index) =>
      new Duplex({
        read() {},
        write(chunk, _encoding, callback) {
          ends[1 - index].push(chunk);
          callback();
        },
        final(callback) {
          ends[1 - index].push(null);
          callback();
        },
      }),
  );
  return [ends[0], ends[1]];
}

describe.each(IMPLEMENTATIONS)('%s: a socket', (_, impl) => {
  test('ws.I1 ws.P.public-code: _socket is the socket, and its members mean what they say', async () => {
    const { client, server, url } = await connect(impl);
    const socket: Socket = inner(server)._socket;
    expect(socket).toBeInstanceOf(net.Socket);
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(socket.remotePort).toBe(inner(client)._socket.localPort);
    expect(inner(client)._socket.remotePort).toBe(Number(new URL(url).port));
    const before = socket.bytesWritten;
    server.send(Buffer.alloc(1000));
    await once(client, 'message');
    expect(socket.bytesWritten - before).toBe(1004);
    const read = socket.bytesRead;
    client.send(Buffer.alloc(10));
    await once(server, 'message');
    expect(socket.bytesRead - read).toBe(16);
    expect((socket as unknown as { bufferSize: number }).bufferSize).toBe(0);
    for (const call of [
      () => socket.setKeepAlive(true, 1000),
      () => socket.setNoDelay(true),
      () => socket.unref(),
      () => socket.ref(),
    ]) {
      expect(call()).toBe(socket);
    }
    socket.cork();
    socket.uncork();
    expect(socket.timeout || 0).toBe(0);
  });

  test('ws.I1: a time-out of the socket that is set by the user is told', async () => {
    const { server } = await connect(impl);
    inner(server)._socket.setTimeout(10);
    await once(inner(server)._socket, 'timeout');
    expect(server.readyState).toBe(impl.WebSocket.OPEN);
  });

  test('ws.I1: pause and resume of the socket hold messages back', async () => {
    const { client, server } = await connect(impl);
    const messages: string[] = [];
    server.on('message', (data) => messages.push(String(data)));
    client.send('warm');
    await until(() => messages.length === 1);
    inner(server)._socket.pause();
    client.send('held');
    await turns(20);
    expect(messages).toEqual(['warm']);
    inner(server)._socket.resume();
    await until(() => messages.length === 2);
  });

  test('ws.I1: data of the socket is told as it came, to those who listen there', async () => {
    const { client, server } = await connect(impl);
    const octets: Buffer[] = [];
    const order: string[] = [];
    inner(server)._socket.prependListener('data', (chunk: Buffer) => {
      octets.push(Buffer.from(chunk));
      order.push('data');
    });
    server.on('message', (data) => order.push(String(data)));
    client.send('one', { mask: true });
    await until(() => order.length === 2);
    client.send('two');
    await until(() => order.length === 4);
    expect(order).toEqual(['data', 'one', 'data', 'two']);
    const frames = parseFrames(Buffer.concat(octets));
    expect(frames.map(({ opcode, payload, key }) => [opcode, String(payload), key !== null])).toEqual([
      [1, 'one', true],
      [1, 'two', true],
    ]);
  });

  test('ws.I1: data of the socket is told of what came with the opening handshake, too', async () => {
    const [end, peer] = memoryPair();
    const socket = new impl.WebSocket(null as never, undefined, {});
    const told: string[] = [];
    end.prependListener('data', (chunk) => told.push(`data ${chunk.length}`));
    socket.on('message', (data) => told.push(`message ${data}`));
    inner(socket).setSocket(end, frameFor('server', 1, 'early'), {});
    await until(() => told.length === 2);
    peer.end();
    await once(socket, 'close');
    expect(told).toEqual(['data 11', 'message early']);
  });

  test('ws.I1 ws.M10: pause and resume show at the socket at once', async () => {
    const { wss, url } = await listen(impl);
    const states: boolean[] = [];
    wss.on('connection', (server) => {
      const isPaused = () => states.push(inner(server)._socket.isPaused());
      server.pause();
      isPaused();
      server.resume();
      isPaused();
      server.pause();
      setTimeout(() => {
        isPaused();
        server.resume();
        isPaused();
      }, 20);
    });
    const client = new impl.WebSocket(url);
    onTestFinished(() => client.terminate());
    await until(() => states.length === 4);
    expect(states).toEqual([true, false, true, false]);
  });

  test('ws.I1: what is written to the socket, or ends it, comes behind the frames before', async () => {
    const { client, server } = await connect(impl);
    const messages: string[] = [];
    client.on('message', (data) => messages.push(String(data)));
    const [frame] = impl.Sender.frame('written', { opcode: 1, fin: true, mask: false, readOnly: false });
    server.send('first');
    inner(server)._socket.write(Buffer.concat(impl.Sender.frame(Buffer.from('written'), { opcode: 1, fin: true })));
    server.send('last');
    inner(server)._socket.end();
    expect(frame.length).toBeGreaterThan(1);
    expect((await once(client, 'close'))[0]).toBe(1006);
    expect(messages).toEqual(['first', 'written', 'last']);
  });

  test('ws.I1: destroying the socket is 1006', async () => {
    const { client, server } = await connect(impl);
    const ends = Promise.all([once(client, 'close'), once(server, 'close')]);
    server.send('still');
    const message = once(client, 'message');
    inner(server)._socket.destroy();
    expect(String((await message)[0])).toBe('still');
    expect((await ends).map(([code]) => code)).toEqual([1006, 1006]);
  });

  test('ws.P.crossws: drain of the socket is told when a peer that was behind has read', async () => {
    const { client, server } = await connect(impl);
    client.pause();
    for (let i = 0; i < 24; i++) server.send(Buffer.alloc(1_048_576));
    await turns(20);
    const socket = inner(server)._socket;
    const drained = once(socket, 'drain');
    expect(socket.bufferSize).toBeGreaterThan(0);
    client.resume();
    await drained;
    await until(() => server.bufferedAmount === 0);
    expect(socket.bufferSize).toBe(0);
  });

  test('ws.I2: _sender has the socket, the octets that wait, and sendFrame', async () => {
    const { client, server } = await connect(impl);
    const sender = inner(server)._sender;
    expect(sender).toBeInstanceOf(impl.Sender);
    expect(sender._socket).toBe(inner(server)._socket);
    expect(sender._bufferedBytes).toBe(0);
    const messages: [string, boolean][] = [];
    client.on('message', (data, isBinary) => messages.push([String(data), isBinary]));
    const options = { readOnly: false, mask: false, rsv1: false, fin: true };
    // Made by another copy of ws than the one that sends them.
    const two = NPM_WS.Sender.frame(Buffer.from('two parts'), { ...options, opcode: 1 });
    const one = [Buffer.concat(NPM_WS.Sender.frame(Buffer.from([1, 2]), { ...options, opcode: 2 }))];
    expect([two.length, one.length]).toEqual([2, 1]);
    const calls: unknown[] = [];
    sender.sendFrame(two, (error: unknown) => calls.push(['two', !!error]));
    server.send('between');
    sender.sendFrame(one, (error: unknown) => calls.push(['one', !!error]));
    sender.sendFrame(two);
    await until(() => messages.length === 4 && calls.length === 2);
    expect(messages).toEqual([
      ['two parts', false],
      ['between', false],
      ['\u0001\u0002', true],
      ['two parts', false],
    ]);
    expect(calls).toEqual([
      ['two', false],
      ['one', false],
    ]);
  });

  test('ws.I2: a frame that is sent to many goes whole to each', async () => {
    const { wss, url } = await listen(impl);
    const clients = Array.from({ length: 5 }, () => new impl.WebSocket(url));
    onTestFinished(() => clients.forEach((client) => void client.terminate()));
    await until(() => wss.clients.size === 5);
    const lists = ['a', 'b'.repeat(300), 'c'.repeat(70_000)].map((text) =>
      NPM_WS.Sender.frame(Buffer.from(text), { opcode: 1, fin: true, readOnly: true, mask: false }),
    );
    const received = clients.map((client) => {
      const texts: string[] = [];
      client.on('message', (data) => texts.push(String(data)));
      return texts;
    });
    for (const list of lists) for (const server of wss.clients) inner(server)._sender.sendFrame(list);
    await until(() => received.every((texts) => texts.length === 3));
    for (const texts of received) expect(texts.map(({ length }) => length)).toEqual([1, 300, 70_000]);
  });

  test('ws.I3 ws.P.public-code: _receiver is a Writable with events, limits and _write', async () => {
    const { client, server } = await connect(impl, { serverOptions: { maxPayload: 5000, skipUTF8Validation: false } });
    const receiver = inner(server)._receiver;
    expect(receiver).toBeInstanceOf(Writable);
    expect(receiver).toBeInstanceOf(impl.Receiver);
    expect([receiver._maxPayload, receiver._skipUTF8Validation]).toEqual([5000, false]);
    expect(receiver._events.ping).toBeTypeOf('function');
    const seen: string[] = [];
    receiver.on('ping', (data: Buffer) => seen.push(`ping ${data}`));
    server.on('message', (data) => seen.push(String(data)));
    client.ping('p');
    client.send('one');
    await until(() => seen.length === 2);
    receiver._maxPayload = 10;
    client.on('error', () => {});
    server.on('error', (error) => seen.push((error as Error & { code: string }).code));
    client.send('two');
    client.send('x'.repeat(11));
    expect((await once(client, 'close'))[0]).toBe(1009);
    expect(seen).toEqual(['ping p', 'one', 'two', 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']);
  });

  test('ws.I4: the members that say what a socket is', async () => {
    const { client, server } = await connect(impl, { protocols: 'p' });
    expect([inner(client)._isServer, inner(server)._isServer]).toEqual([false, true]);
    for (const ws of [client, server].map(inner)) {
      expect([ws._readyState, ws._protocol, ws._extensions]).toEqual([1, 'p', {}]);
      expect([ws._closeFrameSent, ws._closeFrameReceived, ws._closeCode]).toEqual([false, false, 1006]);
    }
  });

  test('ws.I4 ws.P.@fastify/websocket: setSocket opens a WebSocket on plain streams, on both ends', async () => {
    const ends = memoryPair();
    const warned = vi.fn();
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    const [client, server] = [false, true].map((isServer, index) => {
      const ws = inner(new impl.WebSocket(null as never, undefined, { isServer } as never));
      ws._isServer = isServer;
      const opened = vi.fn();
      ws.on('open', opened);
      ws.setSocket(ends[index], Buffer.alloc(0), { maxPayload: 0 });
      expect(opened).toHaveBeenCalledOnce();
      expect(ws.readyState).toBe(impl.WebSocket.OPEN);
      return ws as WebSocket;
    });
    server.on('message', (data, isBinary) => server.send(data, { binary: isBinary }));
    for (const message of [Buffer.from('small'), Buffer.alloc(200_000, 5)]) {
      const reply = once(client, 'message');
      client.send(message);
      expect(await reply).toEqual([message, true]);
    }
    const closed = Promise.all([client, server].map((ws) => once(ws, 'close')));
    client.close(4000, 'done');
    expect((await closed).map((end) => end.map(String))).toEqual([
      ['4000', 'done'],
      ['4000', 'done'],
    ]);
    expect(warned).not.toHaveBeenCalled();
  });

  test('ws.I4: octets that came with the handshake are frames, and are told after open', async () => {
    const [near] = memoryPair();
    const ws = inner(new impl.WebSocket(null as never, undefined, {} as never));
    const events: string[] = [];
    ws.on('open', () => events.push('open'));
    ws.setSocket(
      near,
      Buffer.concat(impl.Sender.frame(Buffer.from('head'), { opcode: 1, fin: true, mask: true, readOnly: true })),
      {},
    );
    ws.on('message', (data: Buffer) => events.push(String(data)));
    await until(() => events.length === 2);
    expect(events).toEqual(['open', 'head']);
    ws.terminate();
  });

  test.each<[string, unknown, unknown, [number, string]]>([
    ['an Error as the reason', 1011, new Error('boom'), [1011, '']],
    ['a number as the reason', 1000, 5, [1000, '']],
    ['an object as the reason', 1000, { length: 0 }, [1000, '']],
    ['an empty string as the reason', 1000, '', [1000, '']],
    ['bytes as the reason', 4000, new Uint8Array([104, 105]), [4000, 'hi']],
    ['a code with a fraction', 4000.7, 'cut', [4000, 'cut']],
  ])('ws.M4: close takes %s', async (_name, code, reason, [closeCode, text]) => {
    const { client, server } = await connect(impl);
    const closed = once(server, 'close');
    inner(client).close(code, reason);
    expect((await closed).map(String)).toEqual([String(closeCode), text]);
  });

  test.each([
    ['a code that may not be sent', 1005, ''],
    ['a code that is a string', '1000', ''],
    ['NaN as the code', Number.NaN, ''],
    ['a fraction above the last code', 4999.5, ''],
    ['a fraction above 1014', 1014.5, ''],
    ['a reason that is an array', 1000, ['a']],
    ['null as the reason', 1000, null],
  ])('ws.M4: close refuses %s, and the socket stays open', async (_name, code, reason) => {
    const { client } = await connect(impl);
    expect(() => inner(client).close(code, reason)).toThrow(TypeError);
    expect(client.readyState).toBe(impl.WebSocket.OPEN);
  });

  test('ws.I1: an error that a user emits on _socket ends the connection', async () => {
    const { client, server } = await connect(impl);
    const errors = vi.fn();
    server.on('error', errors);
    const closed = Promise.all([once(server, 'close'), once(client, 'close')]);
    inner(server)._socket.emit('error', new Error('made up'));
    expect(server.readyState).toBe(impl.WebSocket.CLOSING);
    expect((await closed).map((end) => end.map(String))).toEqual([
      ['1006', ''],
      ['1006', ''],
    ]);
    expect(errors).not.toHaveBeenCalled();
  });

  test('ws.I5: objects can be extended', async () => {
    const { client, server, wss } = await connect(impl);
    for (const object of [client, server, wss].map(inner)) {
      object.isAlive = true;
      object._isAlive = true;
      expect([object.isAlive, object._isAlive]).toEqual([true, true]);
      expect(object).toBeInstanceOf(EventEmitter);
    }
  });

  test('ws.I8 ws.P.miniflare: the states are constants of the class and of each socket', async () => {
    const { client } = await connect(impl);
    const states = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
    expect(client).toMatchObject(states);
    for (const [name, value] of Object.entries(states)) {
      expect(inner(impl.WebSocket)[name]).toBe(value);
      expect(Object.keys(impl.WebSocket)).toContain(name);
      expect(() => {
        inner(client)[name] = 9;
      }).toThrow(TypeError);
    }
  });
});

/** A server without a port, behind one of node:http. */
async function behindHttp(
  impl: Implementation,
  wss: WebSocketServer,
  connected: (ws: WebSocket, request: IncomingMessage) => void,
) {
  const http = createServer();
  http.on('upgrade', (request, socket, head) => wss.handleUpgrade(request, socket, head, connected));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(() => void http.close());
  const open = (protocols?: string[]) => {
    const ws = new impl.WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/`, protocols);
    ws.on('error', () => {});
    onTestFinished(() => ws.terminate());
    return ws;
  };
  return { http, open };
}

describe.each(IMPLEMENTATIONS)('%s: a server', (_, impl) => {
  test('ws.I6 ws.P.graphql-ws: options are read at each upgrade', async () => {
    const { wss, url } = await listen(impl, { path: '/one' });
    const protocolOf = async (path: string) => {
      const ws = new impl.WebSocket(new URL(path, url), ['a', 'b']);
      onTestFinished(() => ws.terminate());
      const error = new Promise((resolve) => ws.once('error', ({ message }) => resolve(message)));
      return Promise.race([
        once(ws, 'open').then(
          () => ws.protocol,
          () => error,
        ),
        error,
      ]);
    };
    expect(await protocolOf('/one?query')).toBe('a');
    wss.options.handleProtocols = (protocols, request) => (request.url === '/two' ? [...protocols][1] : false);
    wss.options.path = '/two';
    expect(await protocolOf('/one')).toBe('Unexpected server response: 400');
    expect(await protocolOf('/two')).toBe('b');
    expect(inner(wss)._server.listening).toBe(true);
    expect(inner(wss)._server.address()).toEqual(wss.address());
  });

  test('ws.I6: clients are there only if they are tracked', async () => {
    const { wss, url } = await listen(impl, { clientTracking: false });
    expect(wss.clients).toBeUndefined();
    const ws = new impl.WebSocket(url);
    onTestFinished(() => ws.terminate());
    const [[server]] = await Promise.all([once(wss, 'connection'), once(ws, 'open')]);
    const closed = once(wss, 'close');
    wss.close();
    ws.close();
    await once(server, 'close');
    await closed;
    expect(wss.address()).toBeNull();
  });

  test('ws.I6 ws.P.vite: shouldHandle may be overridden on the instance', async () => {
    const { wss, url } = await listen(impl);
    wss.shouldHandle = (request) => request.headers.cookie === 'let me in';
    const refused = new impl.WebSocket(url);
    const message = new Promise((resolve) => refused.on('error', (error) => resolve(error.message)));
    expect(await message).toBe('Unexpected server response: 400');
    const ws = new impl.WebSocket(url, { headers: { cookie: 'let me in' } });
    onTestFinished(() => ws.terminate());
    await once(ws, 'open');
  });

  test('ws.I7 ws.P.crossws: handleUpgrade calls back in the call, and options may be swapped around it', async () => {
    const wss = new impl.WebSocketServer({ noServer: true });
    const http = createServer();
    let isInTheCall = false;
    http.on('upgrade', (request, socket, head) => {
      const { perMessageDeflate } = wss.options;
      wss.options.perMessageDeflate = false;
      wss.handleUpgrade(request, socket, head, (ws, told) => {
        isInTheCall = true;
        expect(told).toBe(request);
        wss.emit('connection', ws, request);
      });
      wss.options.perMessageDeflate = perMessageDeflate;
      expect(isInTheCall).toBe(true);
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    const ws = new impl.WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/`);
    const [[server]] = await Promise.all([once(wss, 'connection'), once(ws, 'open')]);
    server.close();
    await once(ws, 'close');
  });

  test('ws.I7: handleUpgrade works after an await, and with a verifyClient that answers later', async () => {
    const verified = vi.fn();
    const wss = new impl.WebSocketServer({
      noServer: true,
      verifyClient: (info, callback) => {
        verified(info.req.url, info.secure);
        setImmediate(() => callback(true));
      },
    });
    const http = createServer();
    http.on('upgrade', async (request, socket, head) => {
      await turns(3);
      wss.handleUpgrade(request, socket, head, (ws) => ws.send('welcome'));
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    const ws = new impl.WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/x`);
    onTestFinished(() => ws.terminate());
    expect(String((await once(ws, 'message'))[0])).toBe('welcome');
    expect(verified).toHaveBeenCalledWith('/x', false);
  });

  test('ws.I7: handleUpgrade twice on one socket is an error that says so', async () => {
    const wss = new impl.WebSocketServer({ noServer: true });
    const errors: string[] = [];
    const http = createServer();
    http.on('upgrade', (request, socket, head) => {
      for (let i = 0; i < 2; i++) {
        try {
          wss.handleUpgrade(request, socket, head, (ws) => ws.close());
        } catch (error) {
          errors.push((error as Error).message);
        }
      }
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    const ws = new impl.WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/`);
    await once(ws, 'close');
    expect(errors).toEqual([
      'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration',
    ]);
  });

  test('ws.I7: the class of the sockets may be given', async () => {
    class Mine extends impl.WebSocket {
      greeting = 'hello';
    }
    const { wss, url } = await listen(impl, { WebSocket: Mine as never });
    const ws = new Mine(url);
    onTestFinished(() => ws.terminate());
    const [server] = await once(wss, 'connection');
    expect(server).toBeInstanceOf(Mine);
    expect([server.greeting, ws.greeting]).toEqual(['hello', 'hello']);
    server.send('works');
    expect(String((await once(ws, 'message'))[0])).toBe('works');
  });

  test('ws.I7: completeUpgrade may be wrapped', async () => {
    const wss = new impl.WebSocketServer({ noServer: true });
    const complete = vi.spyOn(inner(wss), 'completeUpgrade');
    const { open } = await behindHttp(impl, wss, (ws) => ws.close(1000));
    expect((await once(open(), 'close'))[0]).toBe(1000);
    expect(complete).toHaveBeenCalledOnce();
  });
});
