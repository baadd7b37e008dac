import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  acceptUpgrades,
  type ClientOptions,
  codec,
  newWebSocket,
  Opcode,
  prepare,
  type ServeOptions,
  serve,
  type WebSocket,
} from '../../src/index.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { fragmentsFor, frameFor } from '../support/framer.js';
import { RawPeer, rawWebSocket, requestText } from '../support/raw-peer.js';
import { listening, until, withResolvers } from '../support/servers.js';
import { WASOCK } from '../ws/implementations.js';

// One look at each entry point, on whatever codec this run is of. What goes over the wire is compared byte for byte.

const MiB = 1_048_576;
/** Bytes of which no two neighbours are alike, so that a shift shows, as does a mask that begins elsewhere. */
const bytesOf = (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31) ^ (i >> 8)));

const TEXTS = [
  '',
  'Hello',
  'x'.repeat(125),
  'y'.repeat(126),
  'z'.repeat(70_000),
  'Grüße, 世界 🌍',
  'äöü🌍'.repeat(9000),
];
const BINARIES = [0, 125, 126, 65_535, 65_536, MiB].map(bytesOf);
const MESSAGES = [...TEXTS, ...BINARIES];
/** One for each kind of code, with no reason, a short one, and one of as many bytes as there may be. */
const CLOSES = [
  [1000, ''],
  [3000, 'done'],
  [4999, `${'ö'.repeat(61)}.`],
] as const;

/** What was sent and what came back, as bytes with their type: differences show by length and place, not in full. */
function differences(sent: readonly (string | Buffer)[], received: readonly (string | Uint8Array)[]): string[] {
  const told = sent.flatMap((message, i) => {
    const other = received[i];
    if (typeof message !== typeof other) return [`${i}: ${typeof message}, ${typeof other}`];
    const [ours, theirs] = [Buffer.from(message), Buffer.from(other)];
    const at = ours.findIndex((byte, j) => byte !== theirs[j]);
    return ours.equals(theirs) ? [] : [`${i}: ${ours.length} bytes, ${theirs.length} bytes, differs at ${at}`];
  });
  return sent.length === received.length ? told : [`${sent.length} messages, ${received.length}`, ...told];
}

const TLS = { cert: CERTIFICATE, key: PRIVATE_KEY };

/** A server of an entry point, and what it has seen. */
interface Running {
  readonly port: number;
  readonly closes: (readonly [code: number, reason: string])[];
  /** To all that are connected. */
  publish(...args: Parameters<WebSocket['publish']> extends [string, ...infer Rest] ? Rest : never): number;
}

type Start = (secure: boolean, options?: ServeOptions) => Promise<Running>;

/** Sends everything back; `close CODE REASON` is a wish. */
function echo(ws: WebSocket, data: string | Buffer, opcode?: Opcode): void {
  const [, code, reason] = (typeof data === 'string' && /^close (\d+) ?(.*)$/.exec(data)) || [];
  if (code !== undefined) ws.close(Number(code), reason);
  else ws.send(data, opcode);
}

const startServe: Start = async (secure, options = {}) => {
  const closes: [number, string][] = [];
  const server = await serve({
    host: '127.0.0.1',
    maxPayload: MiB,
    ...(secure ? { tls: TLS } : {}),
    open: (ws) => ws.subscribe('all'),
    message: echo,
    close: (_ws, code, reason) => void closes.push([code, reason]),
    ...options,
  });
  onTestFinished(() => server.close({ timeout: 1 }));
  return { port: server.port, closes, publish: (...args) => server.publish('all', ...args) };
};

const startAwaiting: Start = async (secure) => {
  const closes: [number, string][] = [];
  const server = secure ? https.createServer(TLS) : http.createServer();
  server.on('request', async (request) => {
    const ws = await newWebSocket(request);
    ws.closed.then(({ closeCode, reason }) => closes.push([closeCode, reason]));
    ws.subscribe('all');
    try {
      for await (const message of ws) echo(ws, message);
    } catch {
      // Closes that a loop does not end quietly with.
    }
  });
  const upgrades = acceptUpgrades(server);
  const port = await listening(server);
  onTestFinished(() => upgrades.close({ timeout: 1 }));
  return { port, closes, publish: (...args) => upgrades.publish('all', ...args) };
};

const TRANSPORTS = [
  ['TCP', false],
  ['TLS', true],
] as const;

const urlOf = (port: number, secure: boolean) => (secure ? `wss://localhost:${port}/ws` : `ws://127.0.0.1:${port}/ws`);

async function client(port: number, secure: boolean, options: ClientOptions = {}): Promise<WebSocket> {
  const ws = await newWebSocket(urlOf(port, secure), [], { ca: CERTIFICATE, ...options });
  onTestFinished(() => ws.hangup());
  return ws;
}

async function rawPeer(port: number, secure: boolean): Promise<RawPeer> {
  if (!secure) return rawWebSocket(port);
  const socket = tls.connect({ port, host: '127.0.0.1', ca: CERTIFICATE, servername: 'localhost' });
  await once(socket, 'secureConnect');
  const peer = new RawPeer(socket);
  peer.write(requestText());
  await peer.takeHead();
  return peer;
}

/** Sends fragments, with a Ping in between, and expects a Pong and the message in one frame. */
async function expectJoined(port: number, secure: boolean): Promise<void> {
  const peer = await rawPeer(port, secure);
  for (const [opcode, message] of [
    [1, Buffer.from('Grüße, 世界 🌍')],
    [2, bytesOf(70_000)],
  ] as const) {
    // In the middle of a character.
    const parts = [message.subarray(0, 3), Buffer.alloc(0), message.subarray(3, 9), message.subarray(9)];
    const [first, ...rest] = fragmentsFor('server', opcode, parts);
    peer.write(Buffer.concat([first, frameFor('server', 9, 'in between'), ...rest]));
    expect((await peer.take(12)).equals(frameFor('client', 10, 'in between'))).toBe(true);
    const whole = frameFor('client', opcode, message);
    expect((await peer.take(whole.length)).equals(whole)).toBe(true);
  }
}

describe('the codec', () => {
  test('is the one that this run is to be of', () => {
    const wanted = process.env.WASOCK_CODEC ?? 'auto';
    const fastest = 'WebAssembly' in globalThis ? 'wasm-simd' : 'ts';
    expect(codec.kind).toBe(wanted === 'auto' ? fastest : wanted);
  });
});

describe.each([
  ['serve', startServe],
  ['acceptUpgrades', startAwaiting],
] as const)('%s, with newWebSocket', (_name, start) => {
  describe.each(TRANSPORTS)('over %s', (_transport, secure) => {
    test('sends back what it was sent, one by one and all at once', async () => {
      const { port } = await start(secure);
      const ws = await client(port, secure);
      const received: (string | Buffer)[] = [];
      for (const message of MESSAGES) {
        await ws.send(message);
        received.push((await ws.receivePacket()).data);
      }
      expect(differences(MESSAGES, received)).toEqual([]);
      const small = MESSAGES.filter(({ length }) => length < 1000);
      const many = Array.from({ length: 300 }, (_, i) => small[i % small.length]);
      for (const message of many) void ws.send(message);
      const back = [];
      for (const _ of many) back.push((await ws.receivePacket()).data);
      expect(differences(many, back)).toEqual([]);
    });

    test('joins fragments', async () => {
      const { port } = await start(secure);
      await expectJoined(port, secure);
    });

    test('answers Pings', async () => {
      const { port } = await start(secure);
      const ws = await client(port, secure, { raw: true });
      for (const payload of ['', 'Are you there?', bytesOf(125)]) {
        await ws.ping(payload);
        const { opcode, data } = await ws.receivePacket();
        expect(opcode).toBe(Opcode.Pong);
        expect(Buffer.from(payload).equals(Buffer.from(data))).toBe(true);
      }
    });

    test('publishes', async () => {
      const running = await start(secure);
      const sockets = [];
      for (let i = 0; i < 3; i++) sockets.push(await client(running.port, secure));
      for (const ws of sockets) await ws.send('subscribed');
      for (const ws of sockets) expect(await ws.receiveStrPacket()).toBe('subscribed');
      const published = ['Grüße 🌍', bytesOf(126), bytesOf(70_000)];
      for (const message of published) expect(running.publish(message)).toBe(3);
      expect(running.publish(prepare(published[0]))).toBe(3);
      for (const ws of sockets) {
        const received = [];
        for (let i = 0; i < 4; i++) received.push((await ws.receivePacket()).data);
        expect(differences([...published, published[0]], received)).toEqual([]);
      }
    });

    test('closes, and is closed, with codes and reasons', async () => {
      const { port, closes } = await start(secure);
      for (const [code, reason] of CLOSES) {
        const ours = await client(port, secure);
        // The answer has the code alone.
        expect(await ours.close(code, reason)).toEqual({ closeCode: code, reason: '', wasClean: true });
        const theirs = await client(port, secure);
        await theirs.send(`close ${code} ${reason}`);
        expect(await theirs.closed).toEqual({ closeCode: code, reason, wasClean: true });
      }
      await until(() => closes.length === 2 * CLOSES.length);
      const expected = CLOSES.flatMap(([code, reason]) => [`${code},${reason}`, `${code},`]);
      expect(closes.map(String).sort()).toEqual(expected.sort());
    });
  });
});

describe.each(TRANSPORTS)('serve, over %s', (_transport, secure) => {
  test.each([
    ['zeroCopy', { zeroCopy: true }],
    ["textAs: 'bytes'", { textAs: 'bytes' }],
    ["zeroCopy and textAs: 'bytes'", { zeroCopy: true, textAs: 'bytes' }],
  ] as const)('%s: sends back what it was sent', async (_options, options) => {
    const kinds = new Set<string>();
    const { port } = await startServe(secure, {
      ...options,
      message: (ws, data, opcode) => {
        kinds.add(`${opcode} ${typeof data}`);
        ws.send(data, opcode);
      },
    });
    const ws = await client(port, secure);
    for (const message of MESSAGES) void ws.send(message);
    const received = [];
    for (const _ of MESSAGES) received.push((await ws.receivePacket()).data);
    expect(differences(MESSAGES, received)).toEqual([]);
    expect(kinds).toEqual(new Set(['textAs' in options ? '1 object' : '1 string', '2 object']));
  });

  test('tells of Pings and Pongs', async () => {
    const told: string[] = [];
    const { port } = await startServe(secure, {
      open: (ws) => void ws.ping('from the server'),
      ping: (_ws, data) => void told.push(`ping ${data}`),
      pong: (_ws, data) => void told.push(`pong ${data}`),
    });
    const ws = await client(port, secure);
    await ws.ping('from the client');
    await until(() => told.length === 2);
    expect(told.sort()).toEqual(['ping from the client', 'pong from the server']);
  });
});

describe.each(TRANSPORTS)('wasock/ws, over %s', (_transport, secure) => {
  const startWs = async (options: object = {}) => {
    const server = secure ? https.createServer(TLS) : http.createServer();
    const wss = new WASOCK.WebSocketServer({ server, ...options });
    const closes: [number, string][] = [];
    wss.on('connection', (ws) => {
      ws.on('message', (data, isBinary) => {
        const [, code, reason] = /^close (\d+) ?(.*)$/.exec(isBinary ? '' : String(data)) ?? [];
        if (code === undefined) ws.send(data, { binary: isBinary });
        else ws.close(Number(code), reason);
      });
      ws.on('close', (code, reason) => closes.push([code, String(reason)]));
    });
    const port = await listening(server);
    return { port, closes, wss };
  };

  const openClient = async (port: number, options: object = {}) => {
    const ws = new WASOCK.WebSocket(urlOf(port, secure), { ca: CERTIFICATE, ...options });
    onTestFinished(() => ws.terminate());
    await once(ws, 'open');
    return ws;
  };

  test.each([
    ['as it is', {}],
    ['compressed', { perMessageDeflate: { threshold: 100 } }],
  ])('sends back what it was sent, %s', async (_how, options) => {
    const { port } = await startWs(options);
    const ws = await openClient(port, options);
    const received: (string | Buffer)[] = [];
    const { promise, resolve } = withResolvers();
    ws.on('message', (data: Buffer, isBinary) => {
      received.push(isBinary ? data : data.toString());
      if (received.length === MESSAGES.length) resolve();
    });
    for (const message of MESSAGES) ws.send(message);
    await promise;
    expect(differences(MESSAGES, received)).toEqual([]);
  });

  test('joins fragments, its own too', async () => {
    const { port } = await startWs();
    await expectJoined(port, secure);
    const ws = await openClient(port);
    ws.send('Grü', { fin: false });
    ws.send('ße 🌍', { fin: true });
    expect(String((await once(ws, 'message'))[0])).toBe('Grüße 🌍');
  });

  test('tells of Pings and Pongs', async () => {
    const { port, wss } = await startWs();
    wss.on('connection', (ws) => ws.on('ping', (data) => ws.ping(`${data}, too`)));
    const ws = await openClient(port);
    const told: Promise<unknown[]>[] = [once(ws, 'pong'), once(ws, 'ping')];
    ws.ping('Are you there?');
    expect((await Promise.all(told)).map(String)).toEqual(['Are you there?', 'Are you there?, too']);
  });

  test('closes, and is closed, with codes and reasons', async () => {
    const { port, closes } = await startWs();
    const seen = [];
    for (const [code, reason] of CLOSES) {
      const ours = await openClient(port);
      ours.close(code, reason);
      seen.push(await once(ours, 'close'));
      const theirs = await openClient(port);
      theirs.send(`close ${code} ${reason}`);
      seen.push(await once(theirs, 'close'));
    }
    await until(() => closes.length === 2 * CLOSES.length);
    const twice = CLOSES.flatMap((close) => [String(close), String(close)]);
    expect(seen.map(String)).toEqual(twice);
    expect(closes.map(String).sort()).toEqual([...twice].sort());
  });
});
