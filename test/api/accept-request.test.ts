import http from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type CloseResult,
  newWebSocket,
  type UpgradeSource,
  type WebSocket,
  WebSocketCreationError,
  type WebSocketHandshakeError,
} from '../../src/index.js';
import { rawAnswer, rawClient, requestText } from '../support/raw-peer.js';
import { awaiting, connected, listening, rejection, withResolvers } from '../support/servers.js';

describe('a server that listens for upgrades itself', () => {
  test('passes the socket and the head, whose frames are delivered', async () => {
    const server = http.createServer();
    server.on('upgrade', async (request, socket, head) => {
      const ws = await newWebSocket(request, undefined, { socket, head });
      ws.send(await ws.receiveStrPacket());
    });
    const port = await listening(server);
    const ws = await connected(`ws://127.0.0.1:${port}/`);
    ws.send('x');
    expect(await ws.receiveStrPacket()).toBe('x');
  });

  test('gets refusals written for it', async () => {
    const errors: Error[] = [];
    const server = http.createServer();
    server.on('upgrade', async (request, socket, head) => {
      errors.push(await rejection(newWebSocket(request, 'b', { socket, head })));
    });
    const url = `ws://127.0.0.1:${await listening(server)}/`;
    expect(await rejection(newWebSocket(url, 'a'))).toMatchObject({ status: 400, headers: { connection: 'close' } });
    const evil = newWebSocket(url, 'b', { origin: 'http://evil.example' });
    expect(await rejection(evil)).toMatchObject({ status: 403 });
    expect(errors.map(({ name }) => name)).toEqual(['WebSocketProtocolMismatchError', 'WebSocketHandshakeError']);
  });

  test('is told what to do where there is no socket', async () => {
    const errors: Error[] = [];
    const server = http.createServer();
    server.on('upgrade', async (request, socket) => {
      errors.push(await rejection(newWebSocket(request)));
      socket.destroy();
    });
    await rejection(newWebSocket(`ws://127.0.0.1:${await listening(server)}/`));
    expect(errors[0]).toBeInstanceOf(WebSocketCreationError);
    expect(errors[0].message).toMatch(/acceptUpgrades.*options\.socket/);
  });

  test('a head that is no Buffer is a TypeError', () => {
    const request = { rawHeaders: [], headers: {}, method: 'GET', httpVersion: '1.1' } as never;
    expect(() => newWebSocket(request, [], { head: 'x' as never })).toThrow(TypeError);
  });
});

describe('a handler of its own', () => {
  const messages = (errors: readonly Error[]) => errors.map(({ message }) => message);

  /** How the peer sees the end of a socket with this handler. */
  async function endOf(handler: (ws: WebSocket) => unknown, act: (client: WebSocket) => unknown = () => {}) {
    const { promise, resolve } = withResolvers<CloseResult>();
    const { url, errors } = await awaiting((request) => newWebSocket(request, handler).then(resolve));
    const client = await connected(url);
    act(client);
    return { client: await client.closed, server: await promise, errors };
  }

  test('that throws: Close 1011, reported once; the promise is that of the end', async () => {
    const { client, server, errors } = await endOf(() => {
      throw new Error('at once');
    });
    // What the peer still sends is discarded, its Close, too.
    expect([client.closeCode, server.closeCode]).toEqual([1011, 1006]);
    expect(messages(errors)).toEqual(['at once']);
  });

  test('that rejects after a message', async () => {
    const { client, errors } = await endOf(
      async (ws) => {
        await ws.receivePacket();
        throw new Error('later');
      },
      (ws) => ws.send('go'),
    );
    expect(client.closeCode).toBe(1011);
    expect(messages(errors)).toEqual(['later']);
  });

  test('that returns: Close 1000, after what it has sent', async () => {
    const received: string[] = [];
    const { client, server, errors } = await endOf(
      (ws) => void ws.send('bye'),
      async (ws) => received.push(await ws.receiveStrPacket()),
    );
    expect([client, server]).toMatchObject([
      { closeCode: 1000, wasClean: true },
      { closeCode: 1000, wasClean: true },
    ]);
    expect([received, errors]).toEqual([['bye'], []]);
  });

  test('whose client closes cleanly has not failed; one whose client vanishes is reported', async () => {
    const wait = (ws: WebSocket) => ws.receivePacket();
    expect((await endOf(wait, (ws) => ws.close(4000))).errors).toEqual([]);
    const { server, errors } = await endOf(wait, (ws) => ws.hangup());
    expect(server.closeCode).toBe(1006);
    expect(errors).toMatchObject([{ name: 'WebSocketClosedError' }]);
  });

  test('never runs if the client cannot be upgraded: the promise resolves with the error as the cause', async () => {
    const handler = vi.fn();
    const ends: unknown[] = [];
    const { port, errors } = await awaiting(async (request) => {
      ends.push(await newWebSocket(request, ['b'], { requireProtocol: true }, handler));
    });
    for (const changes of [
      { 'Sec-WebSocket-Version': '12' },
      { 'Sec-WebSocket-Protocol': 'a' },
      { Upgrade: undefined, Connection: undefined },
    ]) {
      expect(await rawAnswer(port, requestText(changes))).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    expect(ends).toMatchObject([
      { closeCode: 1006, reason: '', wasClean: false, cause: { name: 'WebSocketHandshakeError', status: 426 } },
      { closeCode: 1006, cause: { name: 'WebSocketProtocolMismatchError' } },
      { closeCode: 1006, cause: { name: 'WebSocketHandshakeError', status: 426 } },
    ]);
    expect(handler).not.toHaveBeenCalled();
    expect(errors).toEqual([]);
  });

  test('never runs if the client has left, or could not be upgraded on a socket that was passed', async () => {
    const { promise, resolve } = withResolvers<CloseResult>();
    const { port } = await awaiting(async (request) => {
      // `once` of node:events would reject with the error that comes before.
      await new Promise((left) => request.socket.once('close', left));
      resolve(await newWebSocket(request, () => {}));
    });
    const peer = await rawClient(port);
    peer.write(requestText());
    peer.reset();
    expect(await promise).toMatchObject({
      closeCode: 1006,
      cause: { message: 'The client left before its request was accepted' },
    });

    const own = withResolvers<CloseResult>();
    const server = http.createServer();
    server.on('upgrade', (request, socket, head) => {
      newWebSocket(request, undefined, { socket, head }, () => {}).then(own.resolve);
    });
    const answer = await rawAnswer(await listening(server), requestText({ 'Sec-WebSocket-Version': '12' }));
    expect(answer).toMatch(/^HTTP\/1\.1 426 /);
    expect(await own.promise).toMatchObject({ closeCode: 1006, cause: { status: 426 } });
  });

  test('rejects if the call can never work: a second one for a request, or one without acceptUpgrades', async () => {
    const { promise, resolve } = withResolvers<Error>();
    const { url } = await awaiting(async (request) => {
      newWebSocket(request, () => {});
      resolve(await rejection(newWebSocket(request, () => {})));
    });
    await connected(url);
    expect(await promise).toMatchObject({ message: expect.stringContaining('already answered') });

    const alone = withResolvers<Error>();
    const server = http.createServer();
    server.on('upgrade', async (request) => {
      alone.resolve(await rejection(newWebSocket(request, () => {})));
      request.socket.destroy();
    });
    await rawAnswer(await listening(server), requestText());
    expect(await alone.promise).toMatchObject({ name: 'WebSocketCreationError' });
  });

  test('is refused at once, though nobody waits for the promise: an upgrade, and a plain request', async () => {
    const { port } = await awaiting((request) => {
      void newWebSocket(request, () => {});
    });
    const denied = await rawAnswer(port, requestText({ Origin: 'https://evil.example' }));
    expect(denied).toMatch(/^HTTP\/1\.1 403 /);
    const plain = await rawAnswer(port, requestText({ Upgrade: undefined, Connection: undefined }));
    expect(plain).toMatch(/^HTTP\/1\.1 426 /);
  });

  test('that is refused by a framework as well: one answer', async () => {
    const statuses: number[] = [];
    const { port, errors } = await awaiting(async (request, response) => {
      response.on('finish', () => statuses.push(response.statusCode));
      const { cause } = await newWebSocket(request, () => {});
      response.writeHead((cause as WebSocketHandshakeError).status).end('again');
      throw new Error('behind it');
    });
    for (const changes of [{ Origin: 'https://evil.example' }, { Upgrade: undefined }]) {
      const answer = await rawAnswer(port, requestText(changes));
      expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
      expect(answer).not.toContain('again');
    }
    expect(statuses).toEqual([403, 426]);
    // A response of node:http says itself that it was used.
    expect(errors).toMatchObject([{ message: 'behind it' }, { code: 'ERR_HTTP_HEADERS_SENT' }]);
  });

  test('takes protocols and options before it', async () => {
    const { url } = await awaiting((request) =>
      newWebSocket(request, 'b', { headers: { 'X-Mine': '1' } }, (ws) => void ws.send(ws.protocol)),
    );
    const client = await connected(url, ['a', 'b']);
    expect(await client.receiveStrPacket()).toBe('b');
    const second = await awaiting((request) => newWebSocket(request, ['c'], (ws) => void ws.send(ws.protocol)));
    expect(await (await connected(second.url, 'c')).receiveStrPacket()).toBe('c');
  });

  test('works on a socket that was passed, where console.error is told of the throw', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => log.mockRestore());
    const server = http.createServer();
    server.on('upgrade', (request, socket, head) => {
      void newWebSocket(request, undefined, { socket, head }, () => Promise.reject(new Error('alone')));
    });
    const client = await connected(`ws://127.0.0.1:${await listening(server)}/`);
    expect((await client.closed).closeCode).toBe(1011);
    expect(log.mock.calls).toMatchObject([[{ message: 'alone' }]]);
  });

  test('is a TypeError with a URL', () => {
    const call = newWebSocket as (...given: unknown[]) => unknown;
    expect(() => call('ws://127.0.0.1:1/', () => {})).toThrow('A handler goes with an upgrade request');
  });
});

test.each<[string, (request: http.IncomingMessage) => UpgradeSource]>([
  ['Fastify', (raw) => ({ raw })],
  ['Koa', (req) => ({ req })],
  ['Hono', (incoming) => ({ env: { incoming } })],
])('takes what %s calls a request', async (_name, wrap) => {
  const { url } = await awaiting((request) => newWebSocket(wrap(request), (ws) => void ws.send('hello')));
  expect(await (await connected(url)).receiveStrPacket()).toBe('hello');
});

test.each([[null], [undefined], [5], [{}], [{ raw: {} }]])('%j in place of a request is a TypeError', (request) => {
  expect(() => newWebSocket(request as unknown as UpgradeSource)).toThrow(TypeError);
  expect(() => newWebSocket(request as unknown as UpgradeSource, () => {})).toThrow(TypeError);
});
