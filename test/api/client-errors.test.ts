import http from 'node:http';
import https from 'node:https';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { newWebSocket, refuse, type WebSocketFailedUpgradeError } from '../../src/index.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { listen, tcpServer } from '../support/http-servers.js';
import { rawAnswer, rawClient, requestText } from '../support/raw-peer.js';
import { aWhile, awaiting, connected, rejection, served } from '../support/servers.js';

const PAIR = { cert: CERTIFICATE, key: PRIVATE_KEY };

describe('the URL of a client', () => {
  test('http: is taken as ws:', async () => {
    const { port } = await served();
    const ws = await connected(`http://127.0.0.1:${port}/ws`);
    expect(ws.url).toBe(`ws://127.0.0.1:${port}/ws`);
  });

  test('https: is taken as wss:', async () => {
    const { port } = await served({ tls: PAIR });
    const ws = await newWebSocket(new URL(`https://127.0.0.1:${port}/ws`), [], { rejectUnauthorized: false });
    expect(ws.url).toBe(`wss://127.0.0.1:${port}/ws`);
    ws.hangup();
  });

  test.each([
    ['localhost:9001/ws', 'Scheme localhost not supported yet: did you mean ws://localhost:9001/ws?'],
    ['example.org:80', 'Scheme example.org not supported yet: did you mean ws://example.org:80?'],
    ['ftp://example.org', 'Scheme ftp not supported yet: use ws or wss'],
  ])('%s', async (url, message) => {
    expect((await rejection(newWebSocket(url))).message).toBe(message);
  });

  test.each([
    ['example.org/ws', 'The URL "example.org/ws" cannot be parsed: it needs a scheme, as in ws://example.org/ws'],
    ['/ws', 'The URL "/ws" cannot be parsed: it needs a scheme, as in ws://localhost:9001/ws'],
    ['', 'The URL "" cannot be parsed: it needs a scheme, as in ws://localhost:9001/ws'],
    ['ws://', 'The URL "ws://" cannot be parsed'],
  ])('%j', (url, message) => {
    expect(() => newWebSocket(url)).toThrow(new SyntaxError(message));
  });
});

describe('a refused opening handshake', () => {
  test('tells the URL, the status and the first line of the body', async () => {
    const body = '{"error":"please log in"}\nmore';
    const { port } = await served({ upgrade: () => refuse(401, { body, headers: { 'X-Why': 'no cookie' } }) });
    const url = `ws://ada:secret@127.0.0.1:${port}/ws?ticket=1`;
    const error = (await rejection(newWebSocket(url))) as WebSocketFailedUpgradeError;
    expect(error.message).toMatch(`: ws://127.0.0.1:${port}/ws answered 401: {"error":"please log in"}`);
    expect(error).toMatchObject({ status: 401, url: `ws://127.0.0.1:${port}/ws?ticket=1`, bodyText: body });
    expect(error.headers['x-why']).toBe('no cookie');
    expect(inspect(error)).not.toMatch('secret');
  });

  test.each([false, true])('throw refuse(401) in upgrade works like return (async: %s)', async (isAsync) => {
    const refusal = () => {
      throw refuse(401, { body: 'who are you?\n' });
    };
    const { url, errors } = await served({ upgrade: isAsync ? async () => refusal() : refusal });
    expect((await rejection(newWebSocket(url))).message).toMatch('answered 401: who are you?');
    expect(errors).toEqual([]);
  });

  test('throw refuse(401) in a handler of acceptUpgrades is the answer, also to a plain request', async () => {
    const { url, port, errors } = await awaiting(async () => {
      throw refuse(401, { body: 'who are you?\n' });
    });
    expect((await rejection(newWebSocket(url))).message).toMatch('answered 401: who are you?');
    const plain = requestText({ Upgrade: undefined, Connection: 'close' });
    expect(await rawAnswer(port, plain)).toMatch(/^HTTP\/1\.1 401 [\s\S]*who are you\?\n$/);
    expect(errors).toEqual([]);
  });
});

test('throw refuse(401) after the client has left is nobody’s error', async () => {
  const errors: Error[] = [];
  const { port } = await awaiting(
    async (request) => {
      await new Promise((resolve) => request.socket.once('close', resolve));
      throw refuse(401);
    },
    { onError: (error) => errors.push(error) },
  );
  const peer = await rawClient(port);
  peer.write(requestText());
  await aWhile(20);
  peer.reset();
  await aWhile(60);
  expect(errors).toEqual([]);
});

test('an error about time does not tell what follows the question mark', async () => {
  const url = await tcpServer(() => {});
  const opening = newWebSocket(`ws://ada:secret@${url.host}/ws?token=secret`, [], { handshakeTimeout: 30 });
  expect((await rejection(opening)).message).toBe(`ws://${url.host}/ws did not answer within 30 ms (handshakeTimeout)`);
});

describe('TLS on one side only', () => {
  test('wss: to a server without TLS', async () => {
    const { port } = await served();
    const error = await rejection(newWebSocket(`wss://127.0.0.1:${port}/`));
    expect(error.message).toMatch(`(it does not speak TLS: use ws://127.0.0.1:${port})`);
  });

  test('ws: to a server with TLS', async () => {
    const { port } = await served({ tls: PAIR });
    const error = await rejection(newWebSocket(`ws://127.0.0.1:${port}/`));
    expect(error.message).toMatch(new RegExp(`\\(i[tf] .*use wss://127\\.0\\.0\\.1:${port}\\)$`));
  });

  test('ws: to a server that answers with an alert of TLS', async () => {
    const url = await tcpServer((socket) => socket.end(Buffer.from([0x15, 3, 1, 0, 2, 2, 70])));
    const error = await rejection(newWebSocket(`ws://${url.host}/`));
    expect(error.message).toMatch(`(it speaks TLS: use wss://${url.host})`);
  });

  test('a certificate that nobody known has signed', async () => {
    const { port } = await served({ tls: PAIR });
    const error = await rejection(newWebSocket(`wss://localhost:${port}/`));
    expect(error.message).toMatch('pass the certificate that signed its own as the option ca');
  });
});

describe('the answer to a successful opening handshake', () => {
  test('is readable on a client', async () => {
    const { url } = await served({ upgrade: () => ({ headers: { 'Set-Cookie': 'lb=3; Path=/' } }) });
    const ws = await connected(url);
    expect(ws.response).toMatchObject({
      status: 101,
      headers: { upgrade: 'websocket', 'set-cookie': ['lb=3; Path=/'] },
    });
  });

  test('is none on a server', async () => {
    const answers: unknown[] = [];
    const { url } = await served({ open: (ws) => void answers.push(ws.response) });
    await connected(url);
    expect(answers).toEqual([undefined]);
  });
});

/** A proxy for whoever asks with CONNECT. @returns its port, and where it was asked to connect */
async function tunnelling(): Promise<{ port: number; asked: string[] }> {
  const { connect } = await import('node:net');
  const asked: string[] = [];
  const proxy = http.createServer();
  proxy.on('connect', (request, socket, head) => {
    asked.push(request.url!);
    const [host, port] = request.url!.split(':');
    const far = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      far.write(head);
      far.pipe(socket).pipe(far);
    });
    for (const end of [far, socket]) end.on('error', () => {});
  });
  return { port: await listen(proxy), asked };
}

test.runIf(Number(process.versions.node.split('.')[0]) >= 24)(
  'an agent of Node 24 takes the proxy of the environment',
  async () => {
    const { port } = await served({ tls: PAIR, message: (ws, data) => void ws.send(data) });
    const proxy = await tunnelling();
    // The typings are those of an older Node.
    const options = { proxyEnv: { https_proxy: `http://127.0.0.1:${proxy.port}` } } as https.AgentOptions;
    const agent = new https.Agent(options);
    const ws = await newWebSocket(`wss://127.0.0.1:${port}/ws`, [], { agent, rejectUnauthorized: false });
    void ws.send('through the proxy');
    expect(await ws.receiveStrPacket()).toBe('through the proxy');
    expect(proxy.asked).toEqual([`127.0.0.1:${port}`]);
    await ws.close();
  },
);

test('a socket within its own data, or with others in a room, is shown once', async () => {
  const shown: string[] = [];
  const members = new Set<unknown>();
  const { url } = await served<{ room?: unknown; self?: unknown }>({
    upgrade: () => ({ data: {} }),
    open: (ws) => {
      members.add(ws);
      Object.assign(ws.data, { room: { members }, self: ws });
      shown.push(inspect(ws, { depth: null }));
    },
  });
  for (let i = 0; i < 20; i++) await connected(url);
  expect(shown.at(-1)!.length).toBeLessThan(100_000);
  expect(shown[0]).toMatch('[Circular');
});

test('console.log of a socket shows its state, URL, peer, topics, what is buffered, and how it ended', async () => {
  const shown: string[] = [];
  const { url } = await served({
    upgrade: () => ({ data: { user: 'Ada' } }),
    open: (ws) => {
      ws.subscribe('news');
      shown.push(inspect(ws), inspect({ ws }, { depth: 0 }));
    },
  });
  const ws = await connected(url, ['v1'].slice(1));
  expect(inspect(ws)).toMatch(/^WebSocket \{\s+state: 'open',\s+url: 'ws:\/\/127/);
  expect(shown[0]).toMatch(/^WebSocket \{\s+state: 'open',\s+url: '\/ws',\s+remoteAddress: '127\.0\.0\.1',/);
  expect(shown[0]).toMatch(/topics: \[ 'news' \],\s+bufferedAmount: 0,\s+data: \{ user: 'Ada' \}\s+\}$/);
  expect(shown[1]).toMatch('[WebSocket]');
  await ws.close();
  expect(inspect(ws)).toMatch(/state: 'closed',[\s\S]*closeCode: 1000,\s+reason: ''\s+\}$/);
  const left = await connected(url);
  const ended = left.closed;
  left.hangup();
  expect(inspect(left)).toMatch(/state: 'closed',[\s\S]*data: undefined\s+\}$/);
  await ended;
  expect(inspect(left)).toMatch('closeCode: 1006,');
});
