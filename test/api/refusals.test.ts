import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import http, { type IncomingMessage } from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type AcceptUpgradesOptions,
  newWebSocket,
  type Refusal,
  type RefusalReason,
  refuse,
  type ServeOptions,
  serve,
} from '../../src/index.js';
import { runNode } from '../support/program.js';
import { type Fields, rawAnswer, rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import { aWhile, awaiting, listening, served, until, withResolvers } from '../support/servers.js';

interface Told {
  readonly url: string | undefined;
  readonly refusal: Refusal;
}

/** What the channel tells until the test ends. */
function refusedOnChannel(): Told[] {
  const told: Told[] = [];
  const listener = (message: unknown) => {
    const { request, refusal } = message as { request: IncomingMessage; refusal: Refusal };
    told.push({ url: request.url, refusal });
  };
  subscribe('wasock:handshake.refused', listener);
  onTestFinished(() => void unsubscribe('wasock:handshake.refused', listener));
  return told;
}

const TOO_MANY = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`X-${i}`, '1']));

/** What brings about one refusal: options, and what the client does until it has its answer. */
interface Case {
  readonly reason: RefusalReason;
  readonly status: number;
  readonly options?: Partial<ServeOptions & AcceptUpgradesOptions>;
  readonly changes?: Fields;
  readonly path?: string;
  /** What keeps the answer from being given at once. */
  readonly waits?: boolean;
  before?(port: number): Promise<unknown>;
  act?(peer: Awaited<ReturnType<typeof rawClient>>, close: () => Promise<void>): unknown;
  /** What `error` or `onError` hears. */
  readonly errors?: readonly string[];
}

const boom = () => {
  throw new Error('boom');
};

const COMMON: readonly Case[] = [
  { reason: 'request', status: 400, changes: { 'Sec-WebSocket-Key': 'x' } },
  { reason: 'request', status: 426, changes: { 'Sec-WebSocket-Version': '8' } },
  { reason: 'headers', status: 431, options: { maxHeaders: 10 }, changes: TOO_MANY },
  { reason: 'host', status: 403, options: { allowedHosts: 'good.example' } },
  { reason: 'origin', status: 403, changes: { Origin: 'http://evil.example' } },
  { reason: 'path', status: 404, options: { path: '/here' }, path: '/there' },
  { reason: 'ahead', status: 400, waits: true, act: (peer) => peer.write(Buffer.alloc(70_000)) },
  {
    reason: 'pending',
    status: 503,
    options: { maxPendingHandshakes: 1 },
    waits: true,
    before: async (port) => (await rawClient(port)).write(requestText({}, 'GET /first HTTP/1.1')),
  },
  {
    reason: 'connections',
    status: 503,
    options: { maxConnections: 1 },
    before: (port) => rawWebSocket(port, {}, '/first'),
  },
  {
    reason: 'address',
    status: 429,
    options: { maxConnectionsPerAddress: 1 },
    before: (port) => rawWebSocket(port, {}, '/first'),
  },
  { reason: 'closing', status: 503, waits: true, act: (_peer, close) => void close() },
  { reason: 'timeout', status: 503, waits: true, options: { handshakeTimeout: 60 }, errors: ['WASOCK_UNANSWERED'] },
  { reason: 'error', status: 500, options: { path: boom }, errors: ['boom'] },
  {
    reason: 'error',
    status: 500,
    options: { allowedOrigins: boom },
    changes: { Origin: 'http://a.example' },
    errors: ['boom'],
  },
  { reason: 'error', status: 500, options: { addressOf: boom, maxConnectionsPerAddress: 9 }, errors: ['boom'] },
];

const IN_SERVE: readonly Case[] = [
  ...COMMON,
  { reason: 'error', status: 500, options: { upgrade: boom }, errors: ['boom'] },
  { reason: 'error', status: 500, options: { upgrade: () => Promise.reject(new Error('boom')) }, errors: ['boom'] },
  { reason: 'application', status: 418, options: { upgrade: () => refuse(418) } },
  { reason: 'application', status: 403, options: { upgrade: async () => refuse(403, { body: 'not you' }) } },
];

const IN_ACCEPT_UPGRADES: readonly (Case & { handler?: (request: IncomingMessage) => unknown })[] = [
  ...COMMON,
  { reason: 'protocol', status: 400, changes: { 'Sec-WebSocket-Protocol': 'mine' } },
  { reason: 'unanswered', status: 500, handler: async () => {}, errors: ['WASOCK_UNANSWERED'] },
  { reason: 'error', status: 500, handler: boom, errors: ['boom'] },
  { reason: 'error', status: 500, handler: () => Promise.reject(new Error('boom')), errors: ['boom'] },
];

interface Endpoint {
  readonly port: number;
  readonly metrics: () => { handshakesRefused: object };
  readonly close: () => Promise<void>;
  readonly errors: readonly Error[];
}

/** One refusal is told once to everyone who should hear of it. */
async function expectRefusal(one: Case, heard: Told[], endpoint: Endpoint): Promise<void> {
  const onChannel = refusedOnChannel();
  const { reason, status, path = '/ws', changes = {} } = one;
  await one.before?.(endpoint.port);
  if (one.before !== undefined) await aWhile(20);
  const peer = await rawClient(endpoint.port);
  peer.write(requestText(changes, `GET ${path} HTTP/1.1`));
  if (one.act !== undefined) {
    await aWhile(20);
    one.act(peer, endpoint.close);
  }
  const answer = (await peer.takeAll()).toString('latin1');
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  // Newer Nodes refuse so many lines themselves, without a body, if it is node:http that reads the request.
  if (reason === 'headers' && answer.endsWith('\r\n\r\n')) return expect(onChannel).toEqual([]);
  await until(() => onChannel.some(({ url }) => url === path));
  await aWhile(10);
  const told = onChannel.filter(({ url }) => url === path);
  expect(told).toMatchObject([{ refusal: { reason, status } }]);
  expect(told[0].refusal.message.length).toBeGreaterThan(10);
  expect(heard.filter(({ url }) => url === path)).toEqual(reason === 'application' ? [] : told);
  // Another one may have waited, too, when the server closed.
  const count = onChannel.filter(({ refusal }) => refusal.reason === reason).length;
  expect(endpoint.metrics().handshakesRefused).toEqual({ [reason]: count });
  const errors = endpoint.errors.map((error) => (error as { code?: string }).code ?? error.message);
  expect(errors.slice(0, 1)).toEqual(one.errors ?? []);
}

describe('every refusal is told once: to refused, the channel and the metrics, and only if code failed to error', () => {
  test.each(IN_SERVE)('serve: $reason, $status (case %#)', async (one) => {
    const heard: Told[] = [];
    const never = () => new Promise<never>(() => {});
    const { server, port, errors } = await served({
      ...(one.waits ? { upgrade: never } : {}),
      ...one.options,
      refused: ({ url }, refusal) => heard.push({ url, refusal }),
    });
    await expectRefusal(one, heard, { port, errors, metrics: () => server.metrics(), close: () => server.close() });
  });

  test.each(IN_ACCEPT_UPGRADES)('acceptUpgrades: $reason, $status (case %#)', async (one) => {
    const heard: Told[] = [];
    const never = () => new Promise<never>(() => {});
    const { upgrades, port, errors } = await awaiting(
      one.handler ?? (one.waits ? never : async (request) => void (await newWebSocket(request, 'ours'))),
      { ...one.options, refused: ({ url }, refusal) => heard.push({ url, refusal }) },
    );
    await expectRefusal(one, heard, { port, errors, metrics: () => upgrades.metrics(), close: () => upgrades.close() });
  });
});

describe('a handler that answers itself what newWebSocket has refused', () => {
  test('is told of as that refusal, once', async () => {
    const heard: RefusalReason[] = [];
    const onChannel = refusedOnChannel();
    const { upgrades, port, errors } = await awaiting(
      async (request, response) => {
        await newWebSocket(request).catch(({ status }) => response.writeHead(status + 1).end('by hand'));
      },
      { refused: (_request, { reason }) => heard.push(reason) },
    );
    expect(await rawAnswer(port, requestText({ Origin: 'http://evil.example' }))).toMatch(/^HTTP\/1.1 404 .*by hand/s);
    await until(() => heard.length > 0);
    expect([heard, errors]).toEqual([['origin'], []]);
    expect(onChannel).toMatchObject([{ refusal: { reason: 'origin', status: 403 } }]);
    expect(upgrades.metrics().handshakesRefused).toEqual({ origin: 1 });
  });

  test('with a handler function it is told of at once', async () => {
    const heard: RefusalReason[] = [];
    const { port, errors } = await awaiting((request) => newWebSocket(request, () => {}), {
      refused: (_request, { reason }) => heard.push(reason),
    });
    expect(await rawAnswer(port, requestText({ Origin: 'http://evil.example' }))).toMatch(/^HTTP\/1.1 403 /);
    expect([heard, errors]).toEqual([['origin'], []]);
  });

  test('or accepts it after all is no refusal', async () => {
    const heard: RefusalReason[] = [];
    const { upgrades, port } = await awaiting(
      async (request) => {
        await newWebSocket(request, 'other').catch(() => newWebSocket(request, 'mine'));
      },
      { refused: (_request, { reason }) => heard.push(reason) },
    );
    await rawWebSocket(port, { 'Sec-WebSocket-Protocol': 'mine' });
    expect([heard, upgrades.metrics().handshakesRefused]).toEqual([[], {}]);
  });

  test("an answer that the application gives by itself is the application's own", async () => {
    const heard: RefusalReason[] = [];
    const { upgrades, port } = await awaiting((_request, response) => response.writeHead(401).end(), {
      refused: (_request, { reason }) => heard.push(reason),
    });
    expect(await rawAnswer(port, requestText())).toMatch(/^HTTP\/1.1 401 /);
    expect([heard, upgrades.metrics().handshakesRefused]).toEqual([[], {}]);
  });
});

test('with options.socket, which belongs to no server, the channel is told', async () => {
  const onChannel = refusedOnChannel();
  const server = http.createServer();
  server.on('upgrade', (request, socket, head) => {
    newWebSocket(request, 'ours', { socket, head }).catch(() => {});
  });
  const port = await listening(server);
  for (const changes of [
    { Origin: 'http://evil.example' },
    { 'Sec-WebSocket-Protocol': 'mine' },
    { Upgrade: 'x, websocket', 'Sec-WebSocket-Key': '' },
  ]) {
    expect(await rawAnswer(port, requestText(changes))).toMatch(/^HTTP\/1.1 4/);
  }
  expect(onChannel.map(({ refusal }) => refusal.reason)).toEqual(['origin', 'protocol', 'request']);
});

test('a client that leaves before the answer is not refused, and no error', async () => {
  const heard: RefusalReason[] = [];
  const onChannel = refusedOnChannel();
  const refused = (_request: IncomingMessage, { reason }: Refusal) => heard.push(reason);
  const log = vi.spyOn(console, 'error').mockImplementation(() => {});
  onTestFinished(() => log.mockRestore());
  const left = [withResolvers(), withResolvers()];
  const handlers = [withResolvers(), withResolvers()];
  const inServe = await served({
    refused,
    upgrade: (_request, { signal }) =>
      new Promise<undefined>((resolve) => {
        handlers[0].resolve();
        signal.addEventListener('abort', () => [left[0].resolve(), resolve(undefined)]);
      }),
  });
  const inAwait = await awaiting(
    async (request) => {
      handlers[1].resolve();
      await new Promise((resolve) => request.socket.on('close', resolve));
      left[1].resolve();
      await newWebSocket(request);
    },
    { refused },
  );
  for (const [i, { port }] of [inServe, inAwait].entries()) {
    const peer = await rawClient(port);
    peer.write(requestText());
    await handlers[i].promise;
    peer.reset();
    await left[i].promise;
  }
  await aWhile(30);
  expect([heard, onChannel, inServe.errors, inAwait.errors]).toEqual([[], [], [], []]);
  expect(inServe.server.metrics()).toMatchObject({ handshakesRefused: {}, handshakesPending: 0, connectionsTotal: 0 });
  expect(inAwait.upgrades.metrics()).toMatchObject({ handshakesRefused: {}, handshakesPending: 0 });
  expect(log).not.toHaveBeenCalled();
});

test.each([
  ['throws', boom],
  ['rejects', () => Promise.reject(new Error('boom'))],
])('a refused that %s goes to error and onError, and harms nothing', async (_name, refused) => {
  const inServe = await served({ refused });
  const inAwait = await awaiting(async (request) => void (await newWebSocket(request)), { refused });
  for (const { port, errors } of [inServe, inAwait]) {
    expect(await rawAnswer(port, requestText({ Origin: 'http://evil.example' }))).toMatch(/^HTTP\/1.1 403 /);
    await until(() => errors.length > 0);
    expect(errors).toMatchObject([{ message: 'boom' }]);
    await rawWebSocket(port);
  }
  expect(inServe.server.metrics().handshakesRefused).toEqual({ origin: 1 });
});

test('refused is called as a method of the options, and must be a function', async () => {
  const seen: unknown[] = [];
  const options = {
    port: 0,
    host: '127.0.0.1',
    refused(this: unknown) {
      seen.push(this);
    },
  };
  const server = await serve(options);
  onTestFinished(() => server.close({ timeout: 1 }));
  await rawAnswer(server.port, requestText({ 'Sec-WebSocket-Key': 'x' }));
  expect(seen).toEqual([options]);
  expect(() => serve({ refused: 'log' as never })).toThrow(TypeError);
});

describe('the warning for a refused Origin or Host', () => {
  const SCRIPT = `
    const { serve } = require('./build/index.js');
    const net = require('node:net');
    process.on('warning', ({ name, code, message }) => console.log(JSON.stringify({ name, code, message })));
    (async () => {
      const server = await serve({ host: '127.0.0.1', allowedHosts: /^good/ });
      const ask = (host, origin) => new Promise((resolve) => {
        const socket = net.connect(server.port, '127.0.0.1').on('close', resolve).on('error', () => {}).resume();
        socket.write(Buffer.from('GET /ws HTTP/1.1\\r\\nHost: ' + host + '\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\nOrigin: ' + origin + '\\r\\n\\r\\n', 'latin1'));
      });
      for (const [host, origin] of JSON.parse(process.argv[1])) await ask(host, origin);
      await server.close();
    })();`;

  async function warnings(requests: readonly [string, string][], env: NodeJS.ProcessEnv = {}) {
    const run = runNode(['--no-warnings', '-e', SCRIPT, JSON.stringify(requests)], { NODE_ENV: undefined, ...env });
    expect(await run.exit).toMatchObject({ code: 0 });
    expect(run.stderr).toBe('');
    const lines = run.stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as { name: string; code: string; message: string });
  }

  test('comes once for each value, and names the option that would allow it', async () => {
    const evil: [string, string] = ['good.example', 'http://evil.example'];
    const told = await warnings([
      evil,
      evil,
      ['evil.example', 'http://evil.example'],
      ['evil.example', 'http://x.example'],
    ]);
    expect(told).toEqual([
      {
        name: 'WasockWarning',
        code: 'WASOCK_ORIGIN_REFUSED',
        message: expect.stringMatching(/origin "http:\/\/evil\.example".*allowedOrigins/),
      },
      {
        name: 'WasockWarning',
        code: 'WASOCK_HOST_REFUSED',
        message: expect.stringMatching(/host "evil\.example".*allowedHosts/),
      },
    ]);
  });

  test('comes 16 times at most', async () => {
    const many = Array.from({ length: 40 }, (_, i): [string, string] => ['good.example', `http://${i}.example`]);
    expect(await warnings(many)).toHaveLength(16);
  });

  test('never comes with NODE_ENV=production', async () => {
    expect(await warnings([['evil.example', 'http://evil.example']], { NODE_ENV: 'production' })).toEqual([]);
  });

  test('quotes the value, and cuts it', async () => {
    const origin = `http://\x1b\x9b\x85"${'x'.repeat(3000)}`.replace('\x1b', '');
    const [{ message }] = await warnings([['good.example', origin]]);
    expect(message.length).toBeLessThan(300);
    expect(message).toContain('\\"xx');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(message).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
  });
});
