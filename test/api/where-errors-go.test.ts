import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { newWebSocket, Opcode, type WebSocket } from '../../src/index.js';
import { FakeBroker } from '../support/fake-broker.js';
import { closeHex, frameFor } from '../support/framer.js';
import { ROOT } from '../support/program.js';
import { type RawPeer, RawServer, rawAnswer, rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import { aWhile, awaiting, getPage, served, until } from '../support/servers.js';

type Handler = (request: IncomingMessage) => unknown;

/** What has become of one case: what the handler for errors got, or what was printed if there is none. */
interface Heard {
  /** The error, and whether a socket came with it. */
  readonly errors: readonly (readonly [string, boolean])[];
  readonly printed: readonly string[];
}

const boom = () => {
  throw new Error('boom');
};
const nameOf = (error: unknown) => {
  const { code, message } = error as { code?: string; message: string };
  return code ?? message;
};

interface Case {
  /** Begins the line of docs/errors.md. */
  readonly line: string;
  readonly title: string;
  readonly serve?: { readonly options?: object; act(port: number): unknown };
  readonly await?: { readonly handler: Handler; readonly options?: object; act(port: number): unknown };
  readonly error?: string;
  readonly hasSocket?: boolean;
  /** Whether it is printed if there is no handler. */
  readonly isPrinted?: boolean;
}

const upgrade = (port: number) => rawAnswer(port, requestText());
const send = (octets: Buffer) => async (port: number) => (await rawWebSocket(port)).write(octets);
const text = send(frameFor('server', 1, 'x'));
const withPeer = (act: (peer: RawPeer) => unknown) => async (port: number) => act(await rawWebSocket(port));
const closing = frameFor('server', Opcode.Close, Buffer.from([0x0f, 0xa0]));

/** Waits for a message that never comes. */
const waiting: Handler = async (request) => void (await (await newWebSocket(request)).receivePacket());
/** As `waiting`, in handler style. */
const waitingToo = {
  open: async (ws: WebSocket) => {
    // It has to wait for something: nothing is received in handler style, so it waits for a promise of its own.
    await new Promise((_, reject) => {
      ws.closed.then(() => ws.send('too late')?.catch(reject));
    });
  },
};
/** A socket whose end has nothing to do with the server. */
const another = async () => {
  const server = await RawServer.listen();
  const opening = newWebSocket(server.url);
  const { peer } = await server.accept();
  const ws = await opening;
  peer.socket.end(frameFor('client', 8, Buffer.from([0x0f, 0xa0])));
  await ws.receivePacket();
};

const CASES: readonly Case[] = [
  {
    line: 'your code throws or rejects before the upgrade',
    title: 'it throws',
    serve: { options: { upgrade: boom }, act: upgrade },
    await: { handler: boom, act: upgrade },
    error: 'boom',
    isPrinted: true,
  },
  {
    line: 'your code throws or rejects before the upgrade',
    title: 'it rejects',
    serve: { options: { upgrade: async () => boom() }, act: upgrade },
    await: { handler: async () => boom(), act: upgrade },
    error: 'boom',
    isPrinted: true,
  },
  {
    line: 'your code throws or rejects on an open socket',
    title: 'it rejects',
    serve: { options: { message: async () => boom() }, act: text },
    await: {
      handler: async (request) => [await newWebSocket(request), boom()],
      act: (port) => rawClient(port).then((peer) => peer.write(requestText())),
    },
    error: 'boom',
    hasSocket: true,
    isPrinted: true,
  },
  {
    line: 'your code neither accepts nor answers',
    title: 'it takes too long',
    serve: { options: { upgrade: () => new Promise(() => {}), handshakeTimeout: 50 }, act: upgrade },
    await: { handler: () => {}, options: { handshakeTimeout: 50 }, act: upgrade },
    error: 'WASOCK_UNANSWERED',
    isPrinted: true,
  },
  {
    line: 'your code neither accepts nor answers',
    title: 'it ends',
    await: { handler: async () => {}, act: upgrade },
    error: 'WASOCK_UNANSWERED',
    isPrinted: true,
  },
  {
    line: 'a peer breaks a rule',
    title: 'a reserved opcode',
    serve: { act: send(frameFor('server', 3)) },
    await: { handler: waiting, act: send(frameFor('server', 3)) },
    error: 'WASOCK_RESERVED_OPCODE',
    hasSocket: true,
  },
  {
    line: 'a connection breaks off',
    title: 'RST',
    serve: { options: waitingToo, act: withPeer((peer) => peer.reset()) },
    await: { handler: waiting, act: withPeer((peer) => peer.reset()) },
    error: 'WASOCK_CLOSED',
    hasSocket: true,
  },
  {
    line: 'a connection ends with a closing handshake',
    title: 'of the peer',
    serve: { options: waitingToo, act: send(closing) },
    await: { handler: waiting, act: send(closing) },
  },
  {
    line: 'the end of another connection',
    title: 'which was clean',
    serve: {
      options: { message: () => another() },
      act: text,
    },
    await: {
      handler: async (request) => {
        await newWebSocket(request);
        await another();
      },
      act: (port) => rawWebSocket(port),
    },
    error: 'WASOCK_CLOSED',
    hasSocket: true,
    isPrinted: true,
  },
  {
    line: 'an opening handshake is refused',
    title: 'because of its Origin',
    serve: { act: (port) => rawAnswer(port, requestText({ Origin: 'http://evil.example' })) },
    await: {
      handler: (request) => newWebSocket(request),
      act: (port) => rawAnswer(port, requestText({ Origin: 'http://evil.example' })),
    },
  },
  {
    line: 'an opening handshake is refused',
    title: 'because of its subprotocols',
    await: {
      handler: (request) => newWebSocket(request, 'ours'),
      act: (port) => rawAnswer(port, requestText({ 'Sec-WebSocket-Protocol': 'theirs' })),
    },
  },
  {
    line: 'a client leaves before it has an answer',
    title: 'with RST',
    serve: {
      options: { upgrade: () => aWhile(50) },
      act: async (port) => {
        const peer = await rawClient(port);
        peer.write(requestText());
        await aWhile(20);
        peer.reset();
      },
    },
    await: {
      handler: async (request) => {
        await aWhile(50);
        await newWebSocket(request);
      },
      act: async (port) => {
        const peer = await rawClient(port);
        peer.write(requestText());
        await aWhile(20);
        peer.reset();
      },
    },
  },
  {
    line: 'the handler of a plain request',
    title: 'which is no upgrade',
    await: { handler: (request) => newWebSocket(request), act: (port) => getPage(port) },
    error: 'WASOCK_HANDSHAKE',
  },
  {
    line: '`refused` throws or rejects',
    title: 'it rejects',
    serve: {
      options: { refused: async () => boom() },
      act: (port) => rawAnswer(port, requestText({ 'Sec-WebSocket-Key': 'x' })),
    },
    await: {
      handler: (request) => newWebSocket(request),
      options: { refused: async () => boom() },
      act: (port) => rawAnswer(port, requestText({ 'Sec-WebSocket-Key': 'x' })),
    },
    error: 'boom',
    isPrinted: true,
  },
  {
    line: 'the listening socket of `serve` fails, or the broker',
    title: 'a broker that cannot be opened',
    serve: { act: () => {} },
    await: { handler: () => {}, act: () => {} },
    error: 'no broker',
    isPrinted: true,
  },
];

function brokenBroker(): FakeBroker {
  return Object.assign(new FakeBroker(), { open: () => Promise.reject(new Error('no broker')) });
}

/** Runs one case. */
async function hear(one: Case, way: 'serve' | 'await', hasHandler: boolean): Promise<Heard> {
  const errors: [string, boolean][] = [];
  const printed: string[] = [];
  const log = vi.spyOn(console, 'error').mockImplementation((error) => void printed.push(nameOf(error)));
  onTestFinished(() => log.mockRestore());
  const report = hasHandler
    ? (error: Error, ws?: WebSocket) => void errors.push([nameOf(error), ws !== undefined])
    : undefined;
  const broker = one.error === 'no broker' ? { broker: brokenBroker() } : {};
  if (way === 'serve') {
    const { port } = await served({ error: report, ...one.serve?.options, ...broker } as object);
    await one.serve?.act(port);
  } else {
    const { port } = await awaiting(one.await?.handler ?? (() => {}), {
      onError: report,
      ...one.await?.options,
      ...broker,
    } as object);
    await one.await?.act(port);
  }
  const isHeard = hasHandler ? one.error !== undefined : one.isPrinted;
  if (isHeard) await until(() => errors.length + printed.length > 0);
  await aWhile(isHeard ? 10 : 80);
  return { errors, printed };
}

const ALL = CASES.flatMap((one) => [
  ...(one.serve === undefined ? [] : [{ way: 'serve' as const, one }]),
  ...(one.await === undefined ? [] : [{ way: 'await' as const, one }]),
]);

describe.each(ALL.map(({ way, one }) => ({ way, one, name: `${way}: ${one.line}: ${one.title}` })))(
  '$name',
  ({ way, one }) => {
    test('the handler for errors gets it, or nothing', async () => {
      const { errors, printed } = await hear(one, way, true);
      expect(printed).toEqual([]);
      if (one.error === undefined) return expect(errors).toEqual([]);
      // In await style the fault is the cause.
      const error = way === 'await' && one.line.startsWith('a peer breaks') ? 'WASOCK_CLOSED' : one.error;
      expect(errors).toEqual([[error, one.hasSocket === true]]);
    });

    test('without a handler it is printed if it is nothing that peers do', async () => {
      const { printed } = await hear(one, way, false);
      expect(printed).toEqual(one.isPrinted ? [one.error] : []);
    });
  },
);

test.each([true, false])('an error of the listening socket of serve; a handler: %s', async (hasHandler) => {
  const printed: string[] = [];
  const log = vi.spyOn(console, 'error').mockImplementation((error) => void printed.push(nameOf(error)));
  const listen = vi.spyOn(net.Server.prototype, 'listen');
  onTestFinished(() => [log, listen].forEach((spy) => void spy.mockRestore()));
  const { port, errors } = await served(hasHandler ? {} : { error: undefined });
  const [listening] = listen.mock.contexts as net.Server[];
  listening.emit('error', new Error('EMFILE'));
  expect([errors.map(nameOf), printed]).toEqual(hasHandler ? [['EMFILE'], []] : [[], ['EMFILE']]);
  await rawWebSocket(port);
});

test('what a handler for errors throws is printed, and ends nothing', async () => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => {});
  onTestFinished(() => log.mockRestore());
  const failing = await served({ error: boom, upgrade: () => Promise.reject(new Error('upgrade')) });
  await upgrade(failing.port);
  const rejecting = await awaiting(() => Promise.reject(new Error('handler')), { onError: async () => boom() });
  await upgrade(rejecting.port);
  await until(() => log.mock.calls.length === 2);
  for (const [error] of log.mock.calls) expect(error).toMatchObject({ message: 'boom' });
});

test('WASOCK_UNANSWERED names the method and the URL, quoted', async () => {
  const { port, errors } = await awaiting(async () => {});
  expect(await rawAnswer(port, requestText({}, 'GET /a%22b?c HTTP/1.1'))).toMatch(/^HTTP\/1.1 500 /);
  await until(() => errors.length > 0);
  expect(errors[0].message).toContain('GET "/a%22b?c"');
});

test('the end of another socket closes this one with 1011', async () => {
  const { port } = await awaiting(async (request) => {
    await newWebSocket(request, async () => {
      await another();
    });
  });
  const peer = await rawWebSocket(port);
  expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1011, 'Internal error'));
});

test('each line of docs/errors.md has its test', () => {
  const docs = readFileSync(path.join(ROOT, 'docs/errors.md'), 'utf8');
  const section = docs.slice(docs.indexOf('## Where errors go'), docs.indexOf('`closeCode` is that of'));
  const lines = section.split('\n').filter((line) => /^\| (?!---|what has)/.test(line));
  const tested = [...CASES.map(({ line }) => line), '`error` or `onError` throws or rejects'];
  expect(lines.filter((line) => !tested.some((begin) => line.startsWith(`| ${begin}`)))).toEqual([]);
  expect(tested.filter((begin) => !lines.some((line) => line.startsWith(`| ${begin}`)))).toEqual([]);
});
