import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Connected, type ConnectOptions, connect } from '../../../src/net/opening/connect.js';
import {
  WebSocketCreationError,
  WebSocketFailedUpgradeError,
  WebSocketHandshakeError,
  WebSocketProtocolMismatchError,
} from '../../../src/protocol/errors.js';
import { CERTIFICATE } from '../../support/certificate.js';
import { acceptance, plainServer, secureUpgradeServer, tcpServer, upgradeServer } from '../../support/http-servers.js';
import { until } from '../../support/waiting.js';

const OPTIONS: ConnectOptions = {
  protocols: [],
  handshakeTimeout: 10_000,
  maxHeaderBytes: 16_384,
  followRedirects: false,
  compression: null,
  request: {},
};

async function connected(url: URL, options: Partial<ConnectOptions> = {}): Promise<Connected> {
  const result = await connect(url, { ...OPTIONS, ...options });
  onTestFinished(() => void result.socket.destroy());
  return result;
}

const failure = (url: URL, options: Partial<ConnectOptions> = {}): Promise<unknown> =>
  connect(url, { ...OPTIONS, ...options }).then(
    ({ socket }) => {
      socket.destroy();
      throw new Error('It connected');
    },
    (error: unknown) => error,
  );

/** A server that accepts; and the requests that it got. */
async function acceptingServer(fields: string[] = [], then: Uint8Array = Buffer.alloc(0)) {
  const requests: IncomingMessage[] = [];
  const url = await upgradeServer((request, socket) => {
    requests.push(request);
    socket.write(Buffer.concat([Buffer.from(acceptance(request, fields), 'latin1'), then]));
  });
  return { url, requests };
}

describe('the request', () => {
  test('is that of RFC 6455 §4.1', async () => {
    const { url, requests } = await acceptingServer();
    const target = new URL('/chat/%C3%A9?room=1&x=', url);
    await connected(target);
    const [{ method, httpVersion, url: requestTarget, headers }] = requests;
    expect([method, httpVersion, requestTarget]).toEqual(['GET', '1.1', '/chat/%C3%A9?room=1&x=']);
    expect(headers).toMatchObject({
      host: url.host,
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-version': '13',
    });
    expect(Buffer.from(headers['sec-websocket-key'] as string, 'base64')).toHaveLength(16);
    for (const absent of ['origin', 'sec-websocket-protocol', 'sec-websocket-extensions', 'authorization']) {
      expect(headers).not.toHaveProperty(absent);
    }
  });

  test('has a new key each time', async () => {
    const { url, requests } = await acceptingServer();
    for (let i = 0; i < 3; i++) await connected(url);
    expect(new Set(requests.map(({ headers }) => headers['sec-websocket-key'])).size).toBe(3);
  });

  test('carries the origin, the subprotocols and the headers of the user', async () => {
    const { url, requests } = await acceptingServer(['Sec-WebSocket-Protocol: b']);
    const headers = { 'X-Mine': 'yes', Cookie: ['a=1', 'b=2'] };
    const { protocol } = await connected(url, { protocols: ['a', 'b'], origin: 'https://page.example', headers });
    expect(protocol).toBe('b');
    expect(requests[0].headers).toMatchObject({
      origin: 'https://page.example',
      'sec-websocket-protocol': 'a, b',
      'x-mine': 'yes',
    });
    expect(requests[0].headersDistinct.cookie?.join('; ')).toBe('a=1; b=2');
  });

  test.each([
    ['user:secret', 'user:secret'],
    ['us%3Aer:s%40cret', 'us:er:s@cret'],
    ['100%:x', '100%:x'],
  ])('turns the credentials of the URL, %s, into Authorization', async (inUrl, plain) => {
    const { url, requests } = await acceptingServer();
    await connected(new URL(`ws://${inUrl}@${url.host}/`));
    expect(requests[0].headers.authorization).toBe(`Basic ${Buffer.from(plain).toString('base64')}`);
  });

  test('goes over TLS for wss, with the options of node:tls', async () => {
    const url = await secureUpgradeServer((request, socket) => socket.write(acceptance(request)));
    const { socket } = await connected(url, { request: { ca: CERTIFICATE } });
    expect((socket as Socket & { encrypted?: boolean }).encrypted).toBe(true);
    const error = await failure(url);
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect((error as Error).cause).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  test('goes over a connection of the user’s own making, and through an agent', async () => {
    const { url } = await acceptingServer();
    let made = 0;
    const agent = new http.Agent();
    const net = await import('node:net');
    await connected(url, {
      request: {
        createConnection: () => {
          made++;
          return net.connect(Number(url.port), '127.0.0.1');
        },
      },
    });
    await connected(url, { request: { agent } });
    expect(made).toBe(1);
    expect(Object.keys(agent.sockets)).toEqual([]);
  });
});

describe('a 101', () => {
  test('that answers the request ends in the socket, the subprotocol and the octets behind it', async () => {
    const frames = Buffer.from('8103616263', 'hex');
    const { url } = await acceptingServer([], frames);
    const { socket, head, protocol, url: connectedTo } = await connected(url);
    // They came in one segment, or the rest is still on its way.
    while (head.length < frames.length && socket.readableLength === 0) await sleep(1);
    const rest = (socket.read() as Buffer | null) ?? Buffer.alloc(0);
    expect(Buffer.concat([head, rest])).toEqual(frames);
    expect([protocol, connectedTo.href]).toEqual(['', url.href]);
  });

  test.each([
    ['a wrong Sec-WebSocket-Accept', ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Accept: x'], /key/],
    ['no Sec-WebSocket-Accept', ['Upgrade: websocket', 'Connection: Upgrade'], /key/],
    ['no Upgrade', ['Connection: Upgrade'], /Upgrade/],
    ['no Connection', ['Upgrade: websocket'], /Connection/],
    ['no header at all', [], /Upgrade/],
  ])('with %s is a WebSocketHandshakeError, and the socket is closed', async (_name, lines, message) => {
    let closed = false;
    const url = await tcpServer((socket) => {
      socket.on('close', () => {
        closed = true;
      });
      socket.once('data', () => socket.write(['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n')));
    });
    const error = await failure(url);
    expect(error).toBeInstanceOf(WebSocketHandshakeError);
    expect(error).toMatchObject({ status: 101, message: expect.stringMatching(message) });
    await until(() => closed);
  });

  test('with an extension that was not offered is refused', async () => {
    const { url } = await acceptingServer(['Sec-WebSocket-Extensions: permessage-deflate']);
    expect(await failure(url)).toBeInstanceOf(WebSocketHandshakeError);
  });

  describe('if compression was offered', () => {
    const compression = { threshold: 0, level: 'fast', contextTakeover: true, windowBits: 15 } as const;

    test('tells what was agreed, or that the server has declined', async () => {
      const declining = await acceptingServer();
      expect((await connected(declining.url, { compression })).deflate).toBeNull();
      expect(declining.requests[0].headers['sec-websocket-extensions']).toBe(
        'permessage-deflate; client_max_window_bits',
      );
      const { url } = await acceptingServer(['Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9']);
      expect((await connected(url, { compression })).deflate).toEqual({
        serverNoContextTakeover: false,
        clientNoContextTakeover: false,
        serverMaxWindowBits: 15,
        clientMaxWindowBits: 9,
      });
    });

    test('is refused with what is no answer to it, and the socket is closed', async () => {
      let closed = false;
      const url = await upgradeServer((request, socket) => {
        socket.on('end', () => {
          closed = true;
        });
        socket.resume();
        socket.write(acceptance(request, ['Sec-WebSocket-Extensions: permessage-deflate; x']));
      });
      const error = await failure(url, { compression });
      expect(error).toBeInstanceOf(WebSocketHandshakeError);
      expect(error).toMatchObject({ status: 101, headers: { 'sec-websocket-extensions': 'permessage-deflate; x' } });
      await until(() => closed);
    });
  });

  test.each([
    [
      'another subprotocol than those offered',
      ['Sec-WebSocket-Protocol: c'],
      ['a', 'b'],
      WebSocketProtocolMismatchError,
    ],
    ['no subprotocol although some were offered', [], ['a'], WebSocketProtocolMismatchError],
    ['a subprotocol although none was offered', ['Sec-WebSocket-Protocol: a'], [], WebSocketHandshakeError],
  ])('with %s is refused, and the socket is closed', async (_name, fields, protocols, type) => {
    let closed = false;
    const url = await upgradeServer((request, socket) => {
      socket.on('end', () => {
        closed = true;
      });
      socket.on('error', () => {});
      socket.write(acceptance(request, fields));
      socket.resume();
    });
    expect(await failure(url, { protocols })).toBeInstanceOf(type);
    await until(() => closed);
  });
});

describe('another answer', () => {
  test('is a WebSocketFailedUpgradeError with status, headers and the first KiB of the body', async () => {
    const url = await plainServer((_request, response) => {
      response.writeHead(403, { 'X-Why': 'because' }).end('x'.repeat(5000));
    });
    const error = (await failure(url)) as WebSocketFailedUpgradeError;
    expect(error).toBeInstanceOf(WebSocketFailedUpgradeError);
    expect(error).toMatchObject({ status: 403, code: 'WASOCK_FAILED_UPGRADE' });
    expect(error.headers['x-why']).toBe('because');
    expect(error.body.toString()).toBe('x'.repeat(1024));
  });

  test('whose body breaks off is told with what came of it', async () => {
    const url = await tcpServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\npart');
        setTimeout(() => socket.destroy(), 20);
      });
    });
    const error = (await failure(url)) as WebSocketFailedUpgradeError;
    expect([error.status, error.body.toString()]).toEqual([500, 'part']);
  });

  test('200 is no WebSocket', async () => {
    const url = await plainServer((_request, response) => void response.end('hello'));
    expect(await failure(url)).toMatchObject({ status: 200 });
  });

  test('that is no HTTP is a WebSocketCreationError', async () => {
    const url = await tcpServer((socket) => void socket.end('SSH-2.0-OpenSSH\r\n'));
    const error = (await failure(url)) as Error;
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('with a head larger than maxHeaderBytes is given up', async () => {
    const url = await tcpServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\n');
        const flood = setInterval(() => socket.write(`X-Flood: ${'x'.repeat(2000)}\r\n`), 1);
        socket.on('close', () => clearInterval(flood));
      });
    });
    const error = (await failure(url, { maxHeaderBytes: 8192 })) as Error;
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect(error.cause).toMatchObject({ code: 'HPE_HEADER_OVERFLOW' });
  });

  test('103 and other 1xx are waited through, but not for ever (RFC 9110 §15.2)', async () => {
    const hints = (count: number) =>
      upgradeServer((request, socket) => {
        for (let i = 0; i < count; i++) socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n');
        socket.write(acceptance(request));
      });
    const { socket } = await connected(await hints(3));
    expect(socket.destroyed).toBe(false);
    expect(await failure(await hints(50))).toBeInstanceOf(WebSocketHandshakeError);
  });
});

describe('no connection', () => {
  test('is a WebSocketCreationError with what node:net said as its cause', async () => {
    const url = await tcpServer(() => {});
    url.port = '1';
    const error = (await failure(url)) as Error;
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
    expect(error.message).toContain(url.origin);
  });

  test.each([
    ['FIN', (socket: Socket) => socket.end()],
    ['RST', (socket: Socket) => socket.resetAndDestroy()],
  ])('that the server keeps is one, too: %s instead of an answer', async (_name, leave) => {
    const url = await tcpServer((socket) => void socket.once('data', () => leave(socket)));
    expect(await failure(url)).toBeInstanceOf(WebSocketCreationError);
  });
});

describe('handshakeTimeout', () => {
  test.each([
    ['says nothing', ''],
    ['begins to answer', 'HTTP/1.1 101 Switch'],
  ])('gives a server up that %s, and closes the socket', async (_name, beginning) => {
    let closed = false;
    const url = await tcpServer((socket) => {
      socket.on('close', () => {
        closed = true;
      });
      socket.once('data', () => socket.write(beginning));
    });
    const error = (await failure(url, { handshakeTimeout: 100 })) as Error;
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect(error.message).toContain('100 ms');
    await until(() => closed);
  });

  test('covers all redirects together', async () => {
    const url = await plainServer((_request, response) => {
      setTimeout(() => response.writeHead(302, { Location: '/again' }).end(), 60);
    });
    const error = (await failure(url, { handshakeTimeout: 250, followRedirects: true })) as Error;
    expect(error.message).toContain('250 ms');
  });

  test('has no effect once the connection is there', async () => {
    const { url } = await acceptingServer();
    const { socket } = await connected(url, { handshakeTimeout: 100 });
    await sleep(250);
    expect(socket.destroyed).toBe(false);
  });
});

describe('an AbortSignal', () => {
  test('that is aborted already rejects with its reason, and connects to nobody', async () => {
    let connections = 0;
    const url = await tcpServer(() => connections++);
    const reason = new Error('never mind');
    expect(await failure(url, { signal: AbortSignal.abort(reason) })).toBe(reason);
    await sleep(20);
    expect(connections).toBe(0);
  });

  test('rejects with its reason while the server is silent, and closes the socket', async () => {
    let closed = false;
    const accepted: Socket[] = [];
    const url = await tcpServer((socket) => {
      accepted.push(socket);
      socket.resume();
      socket.on('close', () => {
        closed = true;
      });
    });
    const abort = new AbortController();
    const failed = failure(url, { signal: abort.signal });
    await until(() => accepted.length > 0);
    const reason = new Error('enough');
    abort.abort(reason);
    expect(await failed).toBe(reason);
    await until(() => closed);
  });

  test('has no effect once the connection is there, and keeps no listener', async () => {
    const { url } = await acceptingServer();
    const abort = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = abort.signal;
    abort.signal.addEventListener = ((...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(abort.signal, args);
    }) as typeof addEventListener;
    abort.signal.removeEventListener = ((...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(abort.signal, args);
    }) as typeof removeEventListener;
    const { socket } = await connected(url, { signal: abort.signal });
    abort.abort();
    await sleep(20);
    expect([socket.destroyed, listeners]).toEqual([false, 0]);
  });
});

describe('redirects', () => {
  const redirectTo = (location: string, status = 302) =>
    plainServer((_request, response) => void response.writeHead(status, { Location: location }).end());

  test('are not followed unless asked for', async () => {
    const error = await failure(await redirectTo('/there'));
    expect(error).toBeInstanceOf(WebSocketFailedUpgradeError);
    expect(error).toMatchObject({ status: 302, headers: { location: '/there' } });
  });

  test.each([301, 302, 303, 307, 308])('%i is followed to ws and http URLs', async (status) => {
    const { url, requests } = await acceptingServer();
    for (const target of [`${url}a`, `http://${url.host}/b`]) {
      const { url: reached } = await connected(await redirectTo(target, status), { followRedirects: true });
      expect(reached.host).toBe(url.host);
      expect(reached.protocol).toBe('ws:');
    }
    expect(requests.map(({ url }) => url)).toEqual(['/a', '/b']);
  });

  test('a 300, or one without a Location, is an answer as any other', async () => {
    expect(await failure(await redirectTo('/x', 300), { followRedirects: true })).toMatchObject({ status: 300 });
    const url = await plainServer((_request, response) => void response.writeHead(302).end());
    expect(await failure(url, { followRedirects: true })).toMatchObject({ status: 302 });
  });

  test('come to an end', async () => {
    let requests = 0;
    const url = await plainServer((_request, response) => {
      requests++;
      response.writeHead(302, { Location: '/again' }).end();
    });
    const error = (await failure(url, { followRedirects: true })) as Error;
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect(requests).toBe(11);
  });

  test.each([
    ['what is no URL', 'http://['],
    ['another scheme', 'ftp://127.0.0.1/'],
    ['a fragment', '/there#part'],
  ])('to %s is a WebSocketCreationError: the fault is the server’s', async (_name, location) => {
    expect(await failure(await redirectTo(location), { followRedirects: true })).toBeInstanceOf(WebSocketCreationError);
  });

  test('never give up TLS', async () => {
    const { default: https } = await import('node:https');
    const { listen } = await import('../../support/http-servers.js');
    const { PRIVATE_KEY } = await import('../../support/certificate.js');
    const { url } = await acceptingServer();
    const server = https.createServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, (_request, response) => {
      response.writeHead(302, { Location: url.href }).end();
    });
    const secure = new URL(`wss://localhost:${await listen(server, 'localhost')}/`);
    const error = (await failure(secure, { followRedirects: true, request: { ca: CERTIFICATE } })) as Error;
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect(error.message).toContain('TLS');
  });

  test('take credentials along to the same host and port only', async () => {
    const headers = { Authorization: 'Bearer secret', COOKIE: 'id=1', 'Proxy-Authorization': 'x', 'X-Kept': 'y' };
    const other = await acceptingServer();
    const request = { auth: 'user:secret' };
    const withHost = { ...headers, Host: 'inner' };
    await connected(await redirectTo(other.url.href), { followRedirects: true, headers: withHost });
    await connected(await redirectTo(other.url.href), { followRedirects: true, request });
    expect(other.requests.map(({ headers }) => headers.host)).toEqual([other.url.host, other.url.host]);
    expect(other.requests[1].headers).not.toHaveProperty('authorization');
    expect(other.requests[0].headers['x-kept']).toBe('y');
    for (const name of ['authorization', 'cookie', 'proxy-authorization']) {
      expect(other.requests[0].headers).not.toHaveProperty(name);
    }

    const authorizations: (string | undefined)[] = [];
    const server = http.createServer((request, response) => {
      authorizations.push(request.headers.authorization);
      response.writeHead(request.url === '/' ? 302 : 404, { Location: '/there' }).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    await failure(new URL(`ws://127.0.0.1:${port}/`), { followRedirects: true, headers });
    expect(authorizations).toEqual(['Bearer secret', 'Bearer secret']);
  });
});
