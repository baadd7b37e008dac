import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { finished as finishedWith, Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { newWebSocket, Opcode } from '../../../src/index.js';
import { closeHex, frameFor } from '../../support/framer.js';
import { rawAnswer, rawClient, rawWebSocket, requestText } from '../../support/raw-peer.js';
import { awaiting, rejection, served, until, withResolvers } from '../../support/servers.js';

describe('a handler that does not upgrade', () => {
  test('hostile.H-17: and answers: with Connection: close, exact length, and the end of the connection', async () => {
    const { port } = await awaiting((_request, response) => {
      response.setHeader('X-Mine', 'yes');
      response.write('not ');
      response.end('here');
    });
    const answer = await rawAnswer(port, requestText());
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\nX-Mine: yes\r\n/);
    expect(answer).toContain('\r\nConnection: close\r\n');
    expect(answer).toContain('not ');
  });

  test('and answers: the response closes as any other', async () => {
    const events: string[] = [];
    const { port } = await awaiting((_request, response) => {
      for (const event of ['finish', 'close']) response.on(event, () => events.push(event));
      response.writeHead(204).end();
    });
    await rawAnswer(port, requestText());
    await until(() => events.length === 2);
    expect(events).toEqual(['finish', 'close']);
  });
});

describe('a response to an upgrade request', () => {
  test.each<[string, (response: ServerResponse) => unknown]>([
    ['at once', (response) => response.destroy()],
    ['later', (response) => setImmediate(() => response.destroy())],
    ['after a part', (response) => response.write('part', () => response.destroy())],
  ])('that is destroyed %s closes once', async (_when, destroy) => {
    const events: string[] = [];
    const { port } = await awaiting((_request, response) => {
      for (const event of ['finish', 'close']) response.on(event, () => events.push(event));
      finishedWith(response, () => events.push('told'));
      destroy(response);
    });
    const peer = await rawClient(port);
    peer.socket.write(requestText());
    await until(() => peer.ended && events.includes('told'));
    expect(events.filter((event) => event !== 'told')).toEqual(['close']);
  });

  test('has given its socket back when its finish is told', async () => {
    const sockets: unknown[] = [];
    const { port } = await awaiting((_request, response) => {
      response.on('finish', () => sockets.push(response.socket));
      response.end('no');
    });
    await rawAnswer(port, requestText());
    await until(() => sockets.length === 1);
    expect(sockets).toEqual([null]);
  });
});

describe('a page in place of an upgrade, of any size', () => {
  const SIZE = 8_000_000;
  const blocks = function* () {
    for (let at = 0; at < SIZE; at += 64_000) yield Buffer.alloc(64_000, 'page');
  };

  test.each<[string, (response: ServerResponse) => unknown]>([
    ['at once', (response) => response.end(Buffer.concat([...blocks()]))],
    ['by pipe', (response) => Readable.from(blocks()).pipe(response)],
    ['by pipeline', (response) => pipeline(blocks(), response)],
    [
      "waiting for 'drain' whenever write says so",
      async (response) => {
        for (const block of blocks()) if (!response.write(block)) await once(response, 'drain');
        response.end();
      },
    ],
    [
      'looking at writableNeedDrain before each write',
      async (response) => {
        for (const block of blocks()) {
          if (response.writableNeedDrain) await once(response, 'drain');
          response.write(block);
        }
        response.end();
      },
    ],
  ])('%s', async (_name, answer) => {
    const { port, errors } = await awaiting((_request, response) => answer(response.setHeader('Content-Length', SIZE)));
    const page = await rawAnswer(port, requestText());
    const head = page.slice(0, page.indexOf('\r\n\r\n') + 4);
    expect(head).toContain('\r\nConnection: close\r\n');
    expect(page.slice(head.length) === 'page'.repeat(SIZE / 4)).toBe(true);
    expect(errors).toEqual([]);
  });

  test('a response that has ended needs no drain', async () => {
    const needs: boolean[] = [];
    const { port } = await awaiting((_request, response) => {
      response.write(Buffer.alloc(20_000_000));
      needs.push(response.writableNeedDrain);
      response.end();
      needs.push(response.writableNeedDrain);
    });
    await rawAnswer(port, requestText());
    expect(needs).toEqual([true, false]);
  });
});

describe('an answer that replaces one that failed', () => {
  const failing = (_request: IncomingMessage, response: ServerResponse) => {
    response.setHeader('Content-Length', '100').setHeader('Set-Cookie', 'half=done');
    response.statusMessage = 'All is well';
    throw new Error('half done');
  };

  test.each<[string, () => Promise<{ port: number }>]>([
    ['acceptUpgrades', () => awaiting(async (request, response) => failing(request, response))],
    ['serve', () => served({ request: failing })],
  ])('in %s has none of its headers', async (_name, start) => {
    const { port } = await start();
    const answer = await rawAnswer(port, requestText({ Upgrade: undefined, Connection: undefined }));
    expect(answer).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\n/);
    expect(answer).toMatch(/content-length: \d+\r/i);
    expect(answer).not.toMatch(/content-length: 100|cookie|transfer-encoding/i);
  });

  test('and the refusal of an upgrade', async () => {
    const { port } = await awaiting(async (request, response) => {
      response.setHeader('Content-Length', '100');
      await newWebSocket(request);
    });
    const answer = await rawAnswer(port, requestText({ 'Sec-WebSocket-Version': '12' }));
    expect(answer).toMatch(/^HTTP\/1\.1 426 /);
    expect(answer).not.toContain('Content-Length: 100');
  });
});

describe('after the upgrade the response is spent', () => {
  test('whatever a framework still does with it does nothing, and who waits for its end is told', async () => {
    const events: string[] = [];
    const { port, errors } = await awaiting(async (request: IncomingMessage, response: ServerResponse) => {
      for (const event of ['finish', 'close']) response.on(event, () => events.push(event));
      const ws = await newWebSocket(request);
      response.writeHead(200, { 'Content-Type': 'text/html' });
      response.flushHeaders();
      response.write('Hello');
      await new Promise<void>((resolve) => response.end('Hello', resolve));
      await finished(response);
      ws.send('after');
      await ws.closed;
    });
    const peer = await rawWebSocket(port);
    expect((await peer.take(7)).toString('latin1')).toBe('\x81\x05after');
    expect(peer.received).toHaveLength(0);
    expect([events, errors]).toEqual([['finish', 'close'], []]);
  });

  test('headersSent and writableEnded are true, and a trailing res.end("Hello") is harmless', async () => {
    const states: unknown[] = [];
    const { port, errors } = await awaiting(async (request: IncomingMessage, response: ServerResponse) => {
      const ws = await newWebSocket(request);
      states.push(response.headersSent, response.writableEnded, response.statusCode);
      await ws.receivePacket();
      response.end('Hello');
      response.end();
      ws.send('after');
      await ws.closed;
    });
    const peer = await rawWebSocket(port);
    peer.write(frameFor('server', Opcode.Text, 'x'));
    expect((await peer.take(7)).toString('latin1')).toBe('\x81\x05after');
    expect(peer.received).toHaveLength(0);
    expect(states).toEqual([true, true, 101]);
    expect(errors).toEqual([]);
  });

  test('a second newWebSocket for the same request rejects', async () => {
    const { promise, resolve } = withResolvers<Error>();
    const { port } = await awaiting(async (request) => {
      await newWebSocket(request);
      resolve(await rejection(newWebSocket(request)));
    });
    await rawWebSocket(port);
    expect((await promise).message).toContain('already answered');
  });
});

describe('headers that were set on the response before the upgrade', () => {
  test('are in the 101, but for those of a plain answer', async () => {
    const { port } = await awaiting(async (request, response) => {
      response.setHeader('Set-Cookie', ['session=1; HttpOnly', 'theme=dark']).setHeader('X-Powered-By', 'us');
      for (const name of ['Content-Type', 'Keep-Alive', 'Connection', 'Sec-WebSocket-Protocol', 'Upgrade']) {
        response.setHeader(name, 'no');
      }
      response.setHeader('Content-Length', 5).setHeader('Transfer-Encoding', 'chunked').setHeader('X-Mine', 'theirs');
      await newWebSocket(request, undefined, { headers: { 'x-mine': 'ours', 'Set-Cookie': 'third=3' } });
    });
    const peer = await rawClient(port);
    peer.write(requestText());
    const lines = (await peer.takeHead()).trimEnd().split('\r\n');
    expect(lines.slice(4)).toEqual([
      'set-cookie: session=1; HttpOnly',
      'set-cookie: theme=dark',
      'x-powered-by: us',
      'x-mine: ours',
      'Set-Cookie: third=3',
    ]);
  });
});

describe('request.socket after the upgrade', () => {
  test('is the socket in all but destroy, which closes with 1011 and is reported', async () => {
    const seen: unknown[] = [];
    const { port, errors } = await awaiting(async (request, response) => {
      const before = request.socket;
      // As those do who count the sockets that are busy.
      for (const event of ['finish', 'close']) response.on(event, () => seen.push(request.socket === before));
      const ws = await newWebSocket(request);
      const { socket } = request;
      seen.push(socket instanceof Socket, socket.remotePort === before.remotePort, socket === request.socket);
      seen.push(socket.listenerCount('close') === before.listenerCount('close'), socket.destroy() === socket);
      await ws.closed;
    });
    const peer = await rawWebSocket(port);
    expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1011, 'Internal error'));
    expect(seen).toEqual(Array(7).fill(true));
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('Express')]);
  });

  test('tells of its destruction also if it is given null for an error', async () => {
    const { port, errors } = await awaiting(async (request) => {
      const ws = await newWebSocket(request);
      request.socket.destroy(null as unknown as undefined);
      await ws.closed;
    });
    const peer = await rawWebSocket(port);
    expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1011, 'Internal error'));
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('Express')]);
  });
});
