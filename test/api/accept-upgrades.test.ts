import http, { type IncomingMessage } from 'node:http';
import { describe, expect, test, vi } from 'vitest';
import * as limits from '../../src/api/limits.js';
import {
  acceptUpgrades,
  newWebSocket,
  Opcode,
  type PathRule,
  ReadyState,
  serve,
  type WebSocket,
  WebSocketClosedError,
  WebSocketHandshakeError,
} from '../../src/index.js';
import { IS_DOCUMENTED } from '../support/documented.js';
import { closeHex, frameFor } from '../support/framer.js';
import { type RawPeer, rawAnswer, rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import {
  aWhile,
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

const statusOf = (answer: string) => Number(answer.slice(9, 12));

async function echo(request: IncomingMessage): Promise<void> {
  const ws = await newWebSocket(request);
  for await (const message of ws) ws.send(message);
}

describe('arguments', () => {
  test('what is no server, no path, no function and no limit is a TypeError or RangeError', () => {
    const server = http.createServer();
    expect(() => acceptUpgrades({} as never)).toThrow(TypeError);
    expect(() => acceptUpgrades(undefined as never)).toThrow(TypeError);
    expect(() => acceptUpgrades(server, { path: 'ws' })).toThrow(TypeError);
    expect(() => acceptUpgrades(server, { onError: 'log' as never })).toThrow(TypeError);
    expect(() => acceptUpgrades(server, { maxPayload: -1 })).toThrow(RangeError);
    expect(() => acceptUpgrades(server, null as never)).toThrow(TypeError);
    expect(server.listenerCount('upgrade')).toBe(0);
  });
});

describe('a handler that fails', () => {
  test.each([
    { title: 'rejects', handler: async () => Promise.reject(new Error('handler')) },
    {
      title: 'throws',
      handler: () => {
        throw new Error('handler');
      },
    },
  ])('hostile.H-31: that $title before the upgrade: 500, reported to onError', async ({ handler }) => {
    const { port, errors } = await awaiting(handler);
    const answer = await rawAnswer(port, requestText());
    expect(statusOf(answer)).toBe(500);
    expect(answer).toContain('\r\nConnection: close\r\n');
    expect(errors).toMatchObject([{ message: 'handler' }]);
  });

  test('hostile.A-02: rejects after it: Close 1011, reported to onError with the socket', async () => {
    const reported: unknown[][] = [];
    const { port } = await awaiting(
      async (request) => {
        const ws = await newWebSocket(request);
        throw new Error(await ws.receiveStrPacket());
      },
      { onError: (...args) => reported.push(args) },
    );
    const peer = await rawWebSocket(port);
    peer.write(frameFor('server', Opcode.Text, 'handler'));
    expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1011, 'Internal error'));
    expect(reported).toHaveLength(1);
    expect(reported[0][0]).toMatchObject({ message: 'handler' });
    await until(() => (reported[0][1] as WebSocket).readyState === ReadyState.Closed);
  });

  test('rejects with what is no Error: it is wrapped', async () => {
    const { port, errors } = await awaiting(() => Promise.reject('just text'));
    expect(statusOf(await rawAnswer(port, requestText()))).toBe(500);
    expect(errors[0]).toBeInstanceOf(Error);
    expect(errors).toMatchObject([{ message: 'just text', cause: 'just text' }]);
  });

  test('the default of onError is console.error', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { port } = await awaiting(() => Promise.reject(new Error('logged')), { onError: undefined });
    await rawAnswer(port, requestText());
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ message: 'logged' }));
    log.mockRestore();
  });

  test('an onError that fails itself is logged, and ends nothing', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const failing = [
      () => {
        throw new Error('onError');
      },
      () => Promise.reject(new Error('onError')),
    ];
    for (const onError of failing) {
      const { port } = await awaiting(() => Promise.reject(new Error('handler')), { onError });
      expect(statusOf(await rawAnswer(port, requestText()))).toBe(500);
    }
    await until(() => log.mock.calls.length === 2);
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ message: 'onError' }));
    log.mockRestore();
  });

  test('that its client has left in good order is no failure', async () => {
    const ended = withResolvers();
    const { port, errors } = await awaiting(async (request) => {
      const ws = await newWebSocket(request);
      ws.closed.then(() => ended.resolve());
      await ws.receivePacket();
    });
    const peer = await rawWebSocket(port);
    peer.write(frameFor('server', Opcode.Close, Buffer.from([0x0f, 0xa0])));
    await ended.promise;
    await aWhile();
    expect(errors).toEqual([]);
  });

  test('that its client has broken off is reported', async () => {
    const { port, errors } = await awaiting(async (request) => {
      await (await newWebSocket(request)).receivePacket();
    });
    (await rawWebSocket(port)).reset();
    await until(() => errors.length === 1);
    expect(errors[0]).toBeInstanceOf(WebSocketClosedError);
  });
});

test.each(['returns', 'resolves'])('a socket outlives the handler that opened it, which %s', async (how) => {
  const { promise, resolve } = withResolvers<WebSocket>();
  const done = withResolvers();
  const { url, errors } = await awaiting((request) => {
    const opened = newWebSocket(request).then(resolve);
    if (how === 'returns') return done.resolve();
    return opened.then(() => done.resolve());
  });
  const ws = await connected(url);
  const theirs = await promise;
  await done.promise;
  await aWhile();
  await ws.send('still here?');
  expect(await theirs.receiveStrPacket()).toBe('still here?');
  await theirs.send('yes');
  expect(await ws.receiveStrPacket()).toBe('yes');
  expect(errors).toEqual([]);
});

describe('a handler that does not upgrade', () => {
  test('and ends without an answer: the refusal that the request deserves', async () => {
    const { port, errors } = await awaiting(async (request) => {
      await newWebSocket(request).catch(() => {});
    });
    for (const [changes, status] of [
      [{ 'Sec-WebSocket-Key': 'x' }, 400],
      [{ 'Sec-WebSocket-Version': '8' }, 426],
      [{ Origin: 'http://evil.example' }, 403],
    ] as const) {
      const answer = await rawAnswer(port, requestText(changes));
      expect(statusOf(answer)).toBe(status);
      expect(answer).toContain('Connection: close\r\n');
    }
    expect(errors).toEqual([]);
  });

  test('and never tried: 500', async () => {
    const { port } = await awaiting(async () => {});
    expect(statusOf(await rawAnswer(port, requestText()))).toBe(500);
  });

  test('and stays silent: 503 after handshakeTimeout', async () => {
    const { port } = await awaiting(() => {}, { handshakeTimeout: 60 });
    const answer = await rawAnswer(port, requestText());
    expect(statusOf(answer)).toBe(503);
    expect(answer).toContain('Connection: close\r\n');
  });

  test('and upgrades too late: an error', async () => {
    const { promise, resolve } = withResolvers<Error>();
    const { port } = await awaiting(async (request, response) => {
      response.end('no');
      await aWhile(20);
      resolve(await rejection(newWebSocket(request)));
    });
    await rawAnswer(port, requestText());
    expect(await promise).toMatchObject({ name: 'WebSocketCreationError' });
  });
});

describe('a plain request for a WebSocket endpoint whose handler does not catch', () => {
  test('gets the fitting status, and the process lives', async () => {
    const { port, errors } = await awaiting(echo);
    const answer = await getPage(port, '/ws');
    expect(answer.status).toBe(426);
    expect(answer.headers['sec-websocket-version']).toBe('13');
    expect(answer.headers.connection).toBe('close');
    const post = await getPage(port, '/ws', { method: 'POST', body: 'x' });
    expect(post.status).toBe(405);
    expect(errors.map(({ name }) => name)).toEqual(['WebSocketHandshakeError', 'WebSocketHandshakeError']);
    expect(await settles(connected(`ws://127.0.0.1:${port}/ws`), 5000)).toBe(true);
  });

  test('any other rejection is 500', async () => {
    const { port, errors } = await awaiting(() => Promise.reject(new Error('handler')));
    expect((await getPage(port, '/')).status).toBe(500);
    expect(errors).toMatchObject([{ message: 'handler' }]);
  });

  test('a rejection behind the start of an answer ends the connection', async () => {
    const { port, errors } = await awaiting(async (_request, response) => {
      response.write('half of it');
      await aWhile(20);
      throw new Error('handler');
    });
    const answer = rejection(getPage(port, '/').then(({ text }) => text));
    expect(await answer).toBeInstanceOf(Error);
    expect(errors).toMatchObject([{ message: 'handler' }]);
  });

  test('requests that are no upgrade work as ever', async () => {
    const { port } = await awaiting((request, response) => {
      response.end(`you asked for ${request.url}`);
    });
    expect((await getPage(port, '/page')).text).toBe('you asked for /page');
  });
});

describe('what is claimed', () => {
  test('only path, where given; the rest is 404', async () => {
    const { port } = await awaiting(echo, { path: '/ws' });
    await rawWebSocket(port, {}, '/ws?query');
    for (const path of ['/', '/ws/', '/WS', '/other', '/ws%2f']) {
      expect(statusOf(await rawAnswer(port, requestText({}, `GET ${path} HTTP/1.1`)))).toBe(404);
    }
  });

  test('hostile.H-34: an upgrade that is not claimed is left to other listeners', async () => {
    const server = http.createServer(echo);
    acceptUpgrades(server, { path: '/ws', onError() {} });
    server.on('upgrade', (request, socket) => {
      if (request.url === '/theirs') socket.end('HTTP/1.1 101 Theirs\r\n\r\n');
    });
    const port = await listening(server);
    expect(await rawAnswer(port, requestText({}, 'GET /theirs HTTP/1.1'))).toBe('HTTP/1.1 101 Theirs\r\n\r\n');
    await rawWebSocket(port, {}, '/ws');
  });

  test('hostile.H-34: several acceptUpgrades on one server share it by path; what none claims is 404', async () => {
    const server = http.createServer(async (request) => {
      (await newWebSocket(request)).send(String(request.url));
    });
    const a = acceptUpgrades(server, { path: '/a', onError() {} });
    acceptUpgrades(server, { path: '/b', onError() {} });
    const port = await listening(server);
    const greeting = async (path: string) => (await rawWebSocket(port, {}, path)).take(4);
    expect((await greeting('/a')).toString('latin1')).toBe('\x81\x02/a');
    expect((await greeting('/b')).toString('latin1')).toBe('\x81\x02/b');
    expect(statusOf(await rawAnswer(port, requestText({}, 'GET /c HTTP/1.1')))).toBe(404);
    await a.close({ timeout: 50 });
    expect((await greeting('/b')).toString('latin1')).toBe('\x81\x02/b');
    expect(statusOf(await rawAnswer(port, requestText({}, 'GET /a HTTP/1.1')))).toBe(404);
  });

  test('hostile.H-10: websocket among several is 400', async () => {
    const { port } = await awaiting(echo);
    expect(statusOf(await rawAnswer(port, requestText({ Upgrade: 'h2c, websocket' })))).toBe(400);
  });

  test.runIf(IS_DOCUMENTED)(
    'the documented way: another Upgrade value is answered as plain HTTP, and closed',
    async () => {
      const { port } = await awaiting((request, response) => {
        response.end(`plain ${request.headers.upgrade}`);
      });
      const answer = await rawAnswer(port, requestText({ Upgrade: 'h2c' }));
      expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
      expect(answer).toContain('\r\nConnection: close\r\n');
      expect(answer).toContain('plain h2c');
      const request = requestText({ Upgrade: 'h2c', 'Content-Length': '5' }, 'POST /ws HTTP/1.1');
      expect(statusOf(await rawAnswer(port, `${request}hello`))).toBe(400);
    },
  );

  const statusAt = async (port: number, path: string) => {
    const answer = await rawAnswer(port, requestText({ Connection: 'Upgrade' }, `GET ${path} HTTP/1.1`));
    return statusOf(answer);
  };

  test.each<[string, PathRule, string[], string[]]>([
    ['a list', ['/a', '/b'], ['/a', '/b?x'], ['/c']],
    ['a RegExp', /^\/rooms\/\d+$/, ['/rooms/17'], ['/rooms/', '/x/rooms/1']],
    ['a function', (request) => request.headers.host === 'localhost' && request.url === '/f', ['/f'], ['/g']],
  ])('path as %s', async (_name, path, claimed, left) => {
    const { port } = await awaiting(async (request) => (await newWebSocket(request)).hangup(), { path });
    const own = await served({ path, open: (ws) => ws.hangup() });
    for (const each of [port, own.port]) {
      for (const url of claimed) expect([url, await statusAt(each, url)]).toEqual([url, 101]);
      for (const url of left) expect([url, await statusAt(each, url)]).toEqual([url, 404]);
    }
  });

  test('a path function that throws is 500, and reported; others are not disturbed', async () => {
    const path = (request: IncomingMessage) => {
      if (request.url === '/bad') throw new Error('no route');
      return true;
    };
    const open = (ws: WebSocket) => ws.hangup();
    const { port, errors } = await awaiting(async (request) => open(await newWebSocket(request)), { path });
    const own = await served({ path, open });
    for (const each of [port, own.port]) {
      expect(await statusAt(each, '/bad')).toBe(500);
      expect(await statusAt(each, '/good')).toBe(101);
    }
    expect([...errors, ...own.errors].map(({ message }) => message)).toEqual(['no route', 'no route']);
    // A plain request, and one for another protocol, is judged by the same function.
    expect((await getPage(own.port, '/bad')).status).toBe(500);
    expect(
      statusOf(
        await rawAnswer(own.port, requestText({ Upgrade: 'h2c', Connection: 'Upgrade, close' }, 'GET /bad HTTP/1.1')),
      ),
    ).toBe(500);
  });

  test.each<[string, Error]>([
    ['a header that cannot be written', new WebSocketHandshakeError('no', 401, { 'X-Name': '\u0100' })],
    ['a status that is none', new WebSocketHandshakeError('no', 42)],
    ['a status that accepts', new WebSocketHandshakeError('no', 101)],
    [
      'headers of another answer',
      new WebSocketHandshakeError('no', 403, { connection: 'keep-alive', 'set-cookie': ['a'] }),
    ],
  ])('a plain request whose handler rejects with %s is 500, and the process lives', async (_name, error) => {
    const { port } = await awaiting(() => Promise.reject(error));
    expect((await getPage(port, '/')).status).toBe(500);
  });

  test('a path function that throws does not keep an exact path from being taken', async () => {
    const server = http.createServer();
    const path = () => {
      throw new Error('no route');
    };
    const onError = vi.fn();
    acceptUpgrades(server, { path, onError });
    await serve({ server, path: '/exact', open: (ws) => ws.hangup() });
    const port = await listening(server);
    expect([await statusAt(port, '/exact'), await statusAt(port, '/other')]).toEqual([101, 500]);
    expect(onError).toHaveBeenCalledTimes(2);
  });

  test('a path function is asked once for each upgrade, and a list goes before it', async () => {
    const server = http.createServer(async (request) => (await newWebSocket(request)).send('await'));
    const asked: (string | undefined)[] = [];
    acceptUpgrades(server, { path: (request) => asked.push(request.url) > 0 });
    await serve({ server, path: ['/a', '/b'], open: (ws) => ws.send('serve') });
    const port = await listening(server);
    const first = async (path: string) =>
      (await rawWebSocket(port, {}, path)).take(7).then((bytes) => bytes.toString('latin1', 2));
    expect([await first('/b'), await first('/c')]).toEqual(['serve', 'await']);
    expect(asked).toEqual(['/b', '/c']);
    const own = await served({ path: (request) => asked.push(request.url) < 0 });
    expect(await statusAt(own.port, '/d')).toBe(404);
    expect(asked.slice(2)).toEqual(['/d']);
  });
});

describe('a client that leaves during async authentication', () => {
  /** Connects, leaves in some way while the handler thinks, and tells what came of it. */
  async function left(leave: (peer: RawPeer) => void) {
    const { promise, resolve } = withResolvers<unknown>();
    const arrived = withResolvers();
    const server = await awaiting(async (request) => {
      arrived.resolve();
      await aWhile(150);
      resolve(
        await newWebSocket(request).then(
          (ws) => ws.closed,
          (error: Error) => error.message,
        ),
      );
    });
    const peer = await rawClient(server.port);
    peer.write(requestText());
    await arrived.promise;
    leave(peer);
    const outcome = await promise;
    expect(server.errors).toEqual([]);
    await until(() => server.upgrades.connections.size === 0);
    return outcome;
  }

  test.each([
    { how: 'RST', leave: (peer: RawPeer) => peer.reset() },
    { how: 'FIN', leave: (peer: RawPeer) => peer.socket.end() },
  ])('hostile.H-30 hostile.A4.17: with $how: newWebSocket rejects', async ({ leave }) => {
    expect(await left(leave)).toBe('The client left before its request was accepted');
  });

  test('hostile.H-30: sending frames meanwhile: they are received', async () => {
    const { port } = await awaiting(async (request) => {
      await aWhile(100);
      const ws = await newWebSocket(request);
      ws.send(await ws.receiveStrPacket());
    });
    const peer = await rawClient(port);
    peer.write(requestText());
    await aWhile(20);
    peer.write(frameFor('server', Opcode.Text, 'early'));
    await peer.takeHead();
    expect((await peer.take(7)).toString('latin1')).toBe('\x81\x05early');
  });
});

describe('the limits', () => {
  test('are those of acceptUpgrades, and those of newWebSocket go before them', async () => {
    const { port } = await awaiting(
      async (request) => {
        const ws = await newWebSocket(request, [], request.url === '/more' ? { maxPayload: 100 } : {});
        await ws.send((await ws.receivePacket()).data);
        await ws.closed;
      },
      { maxPayload: 10 },
    );
    const send = async (path: string) => {
      const peer = await rawWebSocket(port, {}, path);
      peer.write(frameFor('server', Opcode.Binary, Buffer.alloc(50)));
      return (await peer.take(1)).toString('hex');
    };
    expect(await send('/')).toBe('88');
    expect(await send('/more')).toBe('82');
  });

  test('allowedOrigins and allowedHosts are 403', async () => {
    const { port } = await awaiting(echo, { allowedOrigins: 'https://good.example', allowedHosts: ['localhost'] });
    await rawWebSocket(port, { Origin: 'https://good.example' });
    await rawWebSocket(port);
    expect(statusOf(await rawAnswer(port, requestText({ Origin: 'http://localhost' })))).toBe(403);
    expect(statusOf(await rawAnswer(port, requestText({ Host: 'evil.example' })))).toBe(403);
  });
});

describe('connections and close', () => {
  test('connections holds the open sockets', async () => {
    const { port, upgrades } = await awaiting(echo);
    expect(upgrades.connections.size).toBe(0);
    const peers = [await rawWebSocket(port), await rawWebSocket(port)];
    expect(upgrades.connections.size).toBe(2);
    expect([...upgrades.connections].map((ws: WebSocket) => ws.readyState)).toEqual([1, 1]);
    for (const peer of peers) peer.reset();
    await until(() => upgrades.connections.size === 0);
    expect([...upgrades.connections]).toEqual([]);
  });

  test('close sends 1001, refuses with 503 who is under way, and leaves the HTTP server as it was', async () => {
    const arrived = withResolvers();
    const server = http.createServer((request, response) => {
      if (request.url === '/slow') return arrived.resolve();
      if (request.headers.upgrade === undefined) return response.end('plain');
      return newWebSocket(request);
    });
    const before = server.listenerCount('upgrade');
    const upgrades = acceptUpgrades(server, { onError() {} });
    const port = await listening(server);
    const peer = await rawWebSocket(port);
    const slow = rawAnswer(port, requestText({}, 'GET /slow HTTP/1.1'));
    await arrived.promise;
    const closed = upgrades.close();
    expect(upgrades.close()).toBe(closed);
    expect((await peer.take(4)).toString('hex')).toBe('880203e9');
    peer.write(frameFor('server', Opcode.Close, Buffer.from([3, 233])));
    expect(statusOf(await slow)).toBe(503);
    await closed;
    expect((await getPage(port, '/')).text).toBe('plain');
    expect(server.listenerCount('upgrade')).toBe(before);
  });

  test('close ends at the time-out who does not answer, with the code and reason that it is given', async () => {
    const { port, upgrades } = await awaiting(echo);
    const peer = await rawWebSocket(port);
    await upgrades.close({ code: 4000, reason: 'bye', timeout: 60 });
    expect((await peer.takeAll()).toString('hex')).toBe('88050fa0627965');
    expect(upgrades.connections.size).toBe(0);
  });

  test('wrong options of close throw, and change nothing', async () => {
    const { port, upgrades } = await awaiting(echo);
    const peer = await rawWebSocket(port);
    expect(() => upgrades.close({ code: 1005 })).toThrow(TypeError);
    expect(() => upgrades.close({ reason: 'x'.repeat(124) })).toThrow(RangeError);
    expect(() => upgrades.close({ timeout: -1 })).toThrow(RangeError);
    await aWhile();
    expect(peer.received).toHaveLength(0);
  });

  test('Symbol.asyncDispose closes', async () => {
    const { upgrades, port } = await awaiting(echo, { closeTimeout: 50 });
    const peer = await rawWebSocket(port);
    await upgrades[Symbol.asyncDispose]();
    expect((await peer.takeAll()).toString('hex')).toBe('880203e9');
  });
});

test('several listeners for requests: the rejection of one and the throw of another hurt nobody', async () => {
  const errors: Error[] = [];
  const server = http.createServer(async () => Promise.reject(new Error('first')));
  server.on('request', () => {
    throw new Error('second');
  });
  acceptUpgrades(server, { onError: (error) => errors.push(error) });
  const port = await listening(server);
  expect(statusOf(await rawAnswer(port, requestText()))).toBe(500);
  expect(errors).toHaveLength(1);
});

test('all its sockets share their limits, but for one whose call has limits of its own', async () => {
  const resolve = vi.spyOn(limits, 'resolveLimits');
  const own = [undefined, undefined, { maxPayload: 5 }];
  const opened: WebSocket[] = [];
  const { port } = await awaiting(async (request) => {
    opened.push(await newWebSocket(request, [], own[opened.length] ?? {}));
  });
  resolve.mockClear();
  for (let i = 0; i < own.length; i++) await rawWebSocket(port);
  await until(() => opened.length === own.length);
  expect(resolve.mock.calls.length).toBe(1);
  resolve.mockRestore();
});
