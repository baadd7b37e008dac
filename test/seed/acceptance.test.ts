import http from 'node:http';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import {
  newWebSocket,
  Opcode,
  offeredProtocols,
  ReadyState,
  type WebSocket,
  WebSocketClosedError,
  WebSocketFailedUpgradeError,
  WebSocketHandshakeError,
  WebSocketProtocolMismatchError,
} from '../../src/index.js';
import { FAULT } from '../../src/protocol/faults.js';
import { parseFrames } from '../support/frame-parser.js';
import { closeHex, frameFor } from '../support/framer.js';
import { RawServer, rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import {
  acceptedSocket,
  awaiting,
  connected,
  getPage,
  listening,
  rejection,
  served,
  settles,
  until,
  withResolvers,
} from '../support/servers.js';

describe("the seed's tests", () => {
  test('seed.C7.test: the octets of short and long frames, masked and not', async () => {
    const { ws, peer } = await acceptedSocket();
    for (const [length, header] of [
      [8, '8108'],
      [33 * 34, '817e0462'],
      [3201 * 34, '817f000000000001a922'],
    ] as const) {
      const text = 'x'.repeat(length);
      ws.send(text);
      expect((await peer.take(header.length / 2)).toString('hex')).toBe(header);
      expect((await peer.take(length)).toString()).toBe(text);
      peer.write(frameFor('server', Opcode.Text, text));
      expect(await ws.receiveStrPacket()).toBe(text);
    }
  });

  test('seed.C7.test_ws: the server sends "Welcome" and closes, the client reads it, then the close', async () => {
    const { url } = await awaiting(async (request) => {
      const ws = await newWebSocket(request);
      await ws.send('Welcome');
      await ws.close();
    });
    const ws = await connected(url);
    expect(await ws.receiveStrPacket()).toBe('Welcome');
    expect(await rejection(ws.receiveStrPacket())).toMatchObject({ closeCode: 1000, wasClean: true });
    expect(ws.readyState).toBe(ReadyState.Closed);
  });

  test('seed.C7.test_protocol: foo against foo2: both ends fail', async () => {
    const { promise, resolve } = withResolvers<Error>();
    const { url } = await awaiting(async (request) => {
      resolve(await rejection(newWebSocket(request, 'foo')));
    });
    const error = await rejection(newWebSocket(url, 'foo2'));
    expect(await promise).toBeInstanceOf(WebSocketProtocolMismatchError);
    expect(error).toBeInstanceOf(WebSocketFailedUpgradeError);
    expect((error as WebSocketFailedUpgradeError).body.toString()).toContain(
      'Protocol mismatch (expected: foo, got: foo2)',
    );
  });

  test('seed.C7.test_protocol_arr: the server takes foo1, else foo2, else answers 404', async () => {
    const { url } = await awaiting(async (request, response) => {
      const choice = ['foo1', 'foo2'].find((name) => offeredProtocols(request).includes(name));
      if (choice === undefined) response.writeHead(404).end();
      else await newWebSocket(request, choice);
    });
    expect((await connected(url, ['foo1', 'foo2'])).protocol).toBe('foo1');
    expect((await connected(url, ['foo3', 'foo2'])).protocol).toBe('foo2');
    expect(await rejection(newWebSocket(url, ['foo3']))).toMatchObject({ status: 404 });
  });

  test('seed.C7.test_404: a server without WebSockets answers 404', async () => {
    const port = await listening(http.createServer((_request, response) => response.writeHead(404).end()));
    const error = await rejection(newWebSocket(`ws://127.0.0.1:${port}/ws`));
    expect(error).toBeInstanceOf(WebSocketFailedUpgradeError);
    expect(error).toMatchObject({ status: 404 });
  });

  test('seed.C7.test_httptowsendpoint: a plain request meets a WebSocket handler, which answers 400', async () => {
    const { port } = await awaiting(async (request, response) => {
      try {
        await newWebSocket(request);
      } catch (error) {
        expect(error).toBeInstanceOf(WebSocketHandshakeError);
        response.writeHead(400).end('this is for WebSockets');
      }
    });
    const answer = await getPage(port, '/ws');
    expect(answer.status).toBe(400);
    expect(answer.text).toBe('this is for WebSockets');
  });

  test('seed.C7.test_timeout: a silent server leaves the client waiting, until handshakeTimeout', async () => {
    const server = await RawServer.listen();
    const opening = newWebSocket(server.url, [], { handshakeTimeout: 400 });
    expect(await settles(opening, 100)).toBe(false);
    expect(await rejection(opening)).toMatchObject({ code: 'WASOCK_CREATION' });
  });

  test('seed.C7.test_disconnects: clients come and go while others read; each reader ends, and nothing is left', async () => {
    const ended: unknown[] = [];
    const { url, upgrades } = await awaiting(async (request) => {
      const ws = await newWebSocket(request);
      try {
        for (;;) await ws.receiveStrPacket();
      } catch (error) {
        ended.push(error);
      }
    });
    const clients = await Promise.all(Array.from({ length: 12 }, () => connected(url)));
    expect(upgrades.connections.size).toBe(12);
    const readers = clients.map((ws) => rejection(ws.receivePacket()));
    for (const [i, ws] of clients.entries()) i % 2 === 0 ? ws.hangup() : ws.close();
    for (const error of await Promise.all(readers)) expect(error).toBeInstanceOf(WebSocketClosedError);
    await until(() => ended.length === 12);
    for (const error of ended) expect(error).toBeInstanceOf(WebSocketClosedError);
    expect(upgrades.connections.size).toBe(0);
  });
});

/** The seed's echo server. */
async function echo(request: http.IncomingMessage): Promise<void> {
  const ws = await newWebSocket(request);
  await ws.send('Welcome to simple echo server');
  while (ws.readyState === ReadyState.Open) await ws.send(await ws.receiveStrPacket());
}

/** The seed's chat server: what one sends, all get. */
function chatRoom() {
  const connections = new Set<WebSocket>();
  return async (request: http.IncomingMessage) => {
    const ws = await newWebSocket(request);
    connections.add(ws);
    try {
      await ws.send('Welcome to simple chat server');
      for await (const message of ws) for (const other of connections) other.send(message);
    } finally {
      connections.delete(ws);
    }
  };
}

const THREAD = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { newWebSocket } = require(workerData.wasock);
  (async () => {
    const ws = await newWebSocket(workerData.url);
    parentPort.on('message', (text) => ws.send(text));
    for await (const text of ws) parentPort.postMessage(text);
  })();
`;

describe("the seed's examples", () => {
  test('seed.C7.echo: an echo server', async () => {
    const { url } = await awaiting(echo);
    const ws = await connected(url);
    expect(await ws.receiveStrPacket()).toBe('Welcome to simple echo server');
    for (const text of ['hi', '', 'grüße']) {
      ws.send(text);
      expect(await ws.receiveStrPacket()).toBe(text);
    }
  });

  test('seed.C7.chat: what one client sends, all get', async () => {
    const { url } = await awaiting(chatRoom());
    const [a, b] = [await connected(url), await connected(url)];
    for (const ws of [a, b]) expect(await ws.receiveStrPacket()).toBe('Welcome to simple chat server');
    a.send('How are you?');
    for (const ws of [a, b]) expect(await ws.receiveStrPacket()).toBe('How are you?');
    b.send('Good, you?');
    for (const ws of [a, b]) expect(await ws.receiveStrPacket()).toBe('Good, you?');
  });

  test('seed.C7.chat_threads: a chat with a client in another thread', async () => {
    const { url } = await awaiting(chatRoom());
    const wasock = require.resolve('../../build/index.js');
    const thread = new Worker(THREAD, { eval: true, workerData: { url, wasock } });
    const heard: string[] = [];
    thread.on('message', (text) => heard.push(text));
    const ws = await connected(url);
    await until(() => heard.length === 1);
    thread.postMessage('from the thread');
    expect(await ws.receiveStrPacket()).toBe('Welcome to simple chat server');
    expect(await ws.receiveStrPacket()).toBe('from the thread');
    ws.send('to the thread');
    await until(() => heard.length === 3);
    expect(heard).toEqual(['Welcome to simple chat server', 'from the thread', 'to the thread']);
    await thread.terminate();
  });

  test('seed.C7.reconnects: a client connects again after each error', async () => {
    let accepted = 0;
    const { url } = await served({
      open: (ws) => {
        accepted++;
        if (accepted < 4) ws.hangup();
        else ws.send('this one stays');
      },
    });
    const received: string[] = [];
    let errors = 0;
    while (received.length === 0) {
      try {
        const ws = await connected(url);
        ws.setupPings(15);
        received.push(await ws.receiveStrPacket());
      } catch {
        errors++;
      }
    }
    expect(received).toEqual(['this one stays']);
    expect(errors).toBe(3);
  });

  test('seed.C7.disconnector: a client connects and disconnects again and again; the server sees each of them go', async () => {
    const gone: number[] = [];
    const { url, server } = await served({ close: (_ws, closeCode) => gone.push(closeCode) });
    for (let i = 0; i < 10; i++) {
      const ws = await connected(url);
      if (i % 2 === 0) await ws.close();
      else ws.hangup();
    }
    await until(() => gone.length === 10);
    expect(gone.filter((closeCode) => closeCode === 1000).length).toBe(5);
    expect(server.connections.size).toBe(0);
  });

  test('seed.C7.sender_ping: a client sends Pings, and each gets its Pong', async () => {
    const { url } = await served();
    const ws = await connected(url, [], { raw: true });
    for (const data of ['1', '2', '3']) {
      ws.ping(data);
      expect(await ws.receivePacket()).toMatchObject({ opcode: Opcode.Pong, data: Buffer.from(data) });
    }
  });

  test('seed.C7.sender_3: a client sends three messages, which arrive in order', async () => {
    const received: unknown[] = [];
    const { url } = await served({ message: (_ws, data) => received.push(data) });
    const ws = await connected(url);
    for (const text of ['one', 'two', 'three']) await ws.send(text);
    await ws.close();
    expect(received).toEqual(['one', 'two', 'three']);
  });

  test('seed.C7.socketio: talks to a socket.io server by hand, in plain text messages', async () => {
    const { url } = await served({
      // Engine.IO 4: open, connect to the namespace, ping and pong, an event.
      open: (ws) => void ws.send('0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'),
      message: (ws, text) => {
        if (text === '40') ws.send('40{"sid":"y"}');
        else if (text === '3') ws.send('42["news","hello"]');
        else ws.send(`43${String(text).slice(2)}`);
        if (text === '40') ws.send('2');
      },
    });
    const ws = await connected(`${url}?EIO=4&transport=websocket`);
    expect(await ws.receiveStrPacket()).toMatch(/^0\{"sid"/);
    ws.send('40');
    expect(await ws.receiveStrPacket()).toBe('40{"sid":"y"}');
    expect(await ws.receiveStrPacket()).toBe('2');
    ws.send('3');
    expect(await ws.receiveStrPacket()).toBe('42["news","hello"]');
    ws.send('42["echo",1]');
    expect(await ws.receiveStrPacket()).toBe('43["echo",1]');
  });
});

describe("the seed's issues", () => {
  test('seed.C7.issue_12: clients mask, servers do not, and each end refuses the opposite', async () => {
    const { ws, peer } = await acceptedSocket();
    ws.send('x');
    expect((await peer.take(3)).toString('hex')).toBe('810178');
    peer.write(frameFor('server', Opcode.Text, 'x', { key: null }));
    expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1002, FAULT.EXPECTED_MASK.message));

    const server = await RawServer.listen();
    const opening = connected(server.url);
    const { peer: other } = await server.accept();
    (await opening).send('x');
    expect((await other.take(7)).subarray(0, 2).toString('hex')).toBe('8181');
    other.write(frameFor('server', Opcode.Text, 'x'));
    const [{ opcode, key, payload }] = parseFrames(await other.takeAll());
    expect([opcode, key === null, payload.readUInt16BE(0)]).toEqual([Opcode.Close, false, 1002]);
  });

  test('seed.C7.issue_18: a Ping is answered by a Pong with the same data, and by nothing else', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(frameFor('server', Opcode.Ping, 'data'));
    peer.write(frameFor('server', Opcode.Text, 'done'));
    expect(await ws.receiveStrPacket()).toBe('done');
    ws.hangup();
    expect((await peer.takeAll()).toString('latin1')).toBe('\x8a\x04data');
  });

  test('seed.C7.issue_19: the error of a mismatch names what was offered and what was expected', async () => {
    const { promise, resolve } = withResolvers<Error>();
    const { url } = await awaiting(async (request) => {
      resolve(await rejection(newWebSocket(request, ['a', 'b'])));
    });
    await rejection(newWebSocket(url, ['c', 'd']));
    expect((await promise).message).toBe('Protocol mismatch (expected: a, b, got: c, d)');
    const server = await RawServer.listen();
    const failed = rejection(newWebSocket(server.url, ['c', 'd']));
    await server.accept('Sec-WebSocket-Protocol: e\r\n');
    expect((await failed).message).toBe('Protocol mismatch (expected: c, d, got: "e")');
  });

  test('seed.C7.issue_39: an error comes out of the promise of its call, or goes to onError', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.reset();
    await ws.closed;
    expect(await rejection(ws.send('x'))).toBeInstanceOf(WebSocketClosedError);

    const { port, errors } = await awaiting(async (request) => {
      const socket = await newWebSocket(request);
      await socket.closed;
      await socket.send('x');
    });
    (await rawWebSocket(port)).reset();
    await until(() => errors.length === 1);
    expect(errors[0]).toBeInstanceOf(WebSocketClosedError);
  });

  test('seed.C7.issue_53: octets that came along with the handshake are frames, from their first octet on', async () => {
    const { port } = await awaiting(echo);
    const whole = Buffer.concat([Buffer.from(requestText()), frameFor('server', Opcode.Text, 'early')]);
    for (let cut = whole.length - 11; cut <= whole.length; cut++) {
      const peer = await rawClient(port);
      peer.write(whole.subarray(0, cut));
      await peer.takeHead();
      peer.write(whole.subarray(cut));
      expect((await peer.take(31 + 7)).subarray(31).toString('latin1')).toBe('\x81\x05early');
      peer.socket.destroy();
    }
  });
});
