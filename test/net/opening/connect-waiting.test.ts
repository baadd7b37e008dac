import { once } from 'node:events';
import http from 'node:http';
import net, { type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Connected, type ConnectOptions, connect } from '../../../src/net/opening/connect.js';
import { WebSocketCreationError, WebSocketFailedUpgradeError } from '../../../src/protocol/errors.js';
import { CERTIFICATE, PRIVATE_KEY } from '../../support/certificate.js';
import { acceptance, plainServer, tcpServer } from '../../support/http-servers.js';
import { answeringThread, blockLoop } from '../../support/stall.js';
import { turns, until } from '../../support/waiting.js';
import { agentOf, STAGES, Waiting } from '../../support/waiting-connections.js';

const OPTIONS: ConnectOptions = {
  protocols: [],
  handshakeTimeout: 10_000,
  maxHeaderBytes: 16_384,
  followRedirects: false,
  compression: null,
  request: {},
};

const opening = (url: URL, options: Partial<ConnectOptions> = {}): Promise<Connected> =>
  connect(url, { ...OPTIONS, ...options });

const failure = (url: URL, options: Partial<ConnectOptions> = {}): Promise<unknown> =>
  opening(url, options).then(
    ({ socket }) => {
      socket.destroy();
      throw new Error('It connected');
    },
    (error: unknown) => error,
  );

const ANYWHERE = new URL('ws://127.0.0.1:1/');

describe('before there is a socket', () => {
  test.each(STAGES)('%s: handshakeTimeout ends the wait', async (_name, options) => {
    const error = await failure(ANYWHERE, { request: await options(), handshakeTimeout: 50 });
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect((error as Error).message).toContain('50 ms');
  });

  test.each(STAGES)('%s: an abort rejects in its own turn', async (_name, options) => {
    for (const wait of [() => {}, () => turns(3)]) {
      const abort = new AbortController();
      const failed = failure(ANYWHERE, { request: await options(), signal: abort.signal });
      await wait();
      const reason = new Error('enough');
      abort.abort(reason);
      expect(await Promise.race([failed, turns(1)])).toBe(reason);
    }
  });

  test('an abort in the turn of the call leaves no connection', async () => {
    const sockets: Socket[] = [];
    const url = await tcpServer((socket) => sockets.push(socket.resume()));
    const abort = new AbortController();
    const failed = failure(url, { signal: abort.signal });
    abort.abort('enough');
    expect(await failed).toBe('enough');
    await turns();
    await until(() => sockets.every(({ destroyed }) => destroyed));
    expect(sockets.length).toBeLessThan(2);
  });

  test.each(['agent', 'createConnection'] as const)('a socket that comes later by way of %s is closed', async (way) => {
    const waiting = new Waiting();
    const request = way === 'agent' ? { agent: agentOf(waiting.create) } : { createConnection: waiting.create };
    const url = await tcpServer((socket) => socket.resume());
    await failure(url, { request, handshakeTimeout: 20 });
    const [callback] = waiting.late;
    const socket = net.connect(Number(url.port), '127.0.0.1');
    callback(null, socket);
    await once(socket, 'close');
    expect(socket.destroyed).toBe(true);
  });

  test.each(['agent', 'createConnection'] as const)(
    'an error that comes later by way of %s harms nobody',
    async (way) => {
      const waiting = new Waiting();
      const request = way === 'agent' ? { agent: agentOf(waiting.create) } : { createConnection: waiting.create };
      await failure(ANYWHERE, { request, handshakeTimeout: 20 });
      waiting.late[0](new Error('no proxy'), undefined as never);
      await turns();
      expect(waiting.late).toHaveLength(1);
    },
  );

  test('a socket of an agent that pools them goes to the next request', async () => {
    const url = await plainServer((_request, response) => void setTimeout(() => response.end('hello'), 80));
    const agent = new http.Agent({ maxSockets: 1, keepAlive: true });
    onTestFinished(() => agent.destroy());
    const get = () => http.get({ agent, port: url.port, host: '127.0.0.1' });
    const first = get();
    expect(await failure(url, { request: { agent }, handshakeTimeout: 20 })).toBeInstanceOf(WebSocketCreationError);
    const second = get();
    for (const request of [first, second]) {
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      response.resume();
      await once(response, 'end');
    }
    await turns();
    expect([Object.keys(agent.requests), Object.keys(agent.sockets)]).toEqual([[], []]);
  });
});

describe('while the body of a refusal is read', () => {
  const stalled = (status: string) =>
    tcpServer((socket) => {
      socket.once('data', () => socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 100\r\n\r\npart`));
    });

  test('handshakeTimeout ends it: the answer is told with what came of it', async () => {
    const error = (await failure(await stalled('403 No'), { handshakeTimeout: 100 })) as WebSocketFailedUpgradeError;
    expect(error).toBeInstanceOf(WebSocketFailedUpgradeError);
    expect([error.status, error.body.toString()]).toEqual([403, 'part']);
  });

  test.each(['403 No', '302 Found\r\nLocation: /there'])('%j: an abort rejects in its own turn', async (status) => {
    const url = await stalled(status);
    const abort = new AbortController();
    const failed = failure(url, { signal: abort.signal, followRedirects: true });
    await sleep(60);
    abort.abort('enough');
    expect(await Promise.race([failed, turns(1)])).toBe('enough');
  });

  test('of a redirect, the time-out is not followed', async () => {
    const url = await stalled('302 Found\r\nLocation: /there');
    const error = (await failure(url, { handshakeTimeout: 100, followRedirects: true })) as Error;
    expect(error).toBeInstanceOf(WebSocketCreationError);
    expect(error.message).toContain('100 ms');
  });
});

test('a stream that breaks in the turn in which it brings the 101 harms nobody', async () => {
  const createConnection = (): Duplex => {
    const stream = new Duplex({
      read() {},
      write(request, _encoding, done) {
        done();
        const key = /Sec-WebSocket-Key: (.*)\r/i.exec(String(request))?.[1];
        setImmediate(() => {
          stream.push(acceptance({ headers: { 'sec-websocket-key': key } } as unknown as http.IncomingMessage));
          stream.destroy(new Error('broken'));
        });
      },
    });
    return stream;
  };
  const { socket } = await opening(ANYWHERE, { request: { createConnection: createConnection as never } });
  expect(socket.destroyed).toBe(true);
});

describe('a 101 that waits in the kernel while our loop is blocked past handshakeTimeout', () => {
  test.each(['ws', 'wss'])('%s: is accepted', async (scheme) => {
    const tls = scheme === 'wss' ? { cert: CERTIFICATE, key: PRIVATE_KEY } : undefined;
    const thread = answeringThread(tls);
    const url = new URL(`${scheme}://localhost:${await thread.told()}/`);
    const result = opening(url, { handshakeTimeout: 700, request: { ca: CERTIFICATE } });
    await thread.told();
    blockLoop(1000);
    const { socket } = await result;
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });
});
