import http from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cluster } from '../../src/cluster.js';
import {
  type AcceptOptions,
  type AcceptUpgradesOptions,
  acceptUpgrades,
  type ClientOptions,
  newWebSocket,
  prepare,
  publisher,
  refuse,
  type ServeOptions,
  serve,
} from '../../src/index.js';
import { FakeBroker } from '../support/fake-broker.js';
import { acceptedSocket, awaiting, served } from '../support/servers.js';

type Names<Options> = Readonly<Record<keyof Required<Options>, true>>;

const CONNECTION = {
  maxPayload: true,
  maxFragments: true,
  maxHeaderBytes: true,
  handshakeTimeout: true,
  pingInterval: true,
  pongTimeout: true,
  idleTimeout: true,
  messageTimeout: true,
  closeTimeout: true,
  highWaterMark: true,
  maxBackpressure: true,
  slowPeer: true,
  compression: true,
  rateLimit: true,
} as const;
const REQUEST = { ...CONNECTION, maxHeaders: true, allowedOrigins: true, allowedHosts: true } as const;
const SERVER = {
  ...REQUEST,
  maxPendingHandshakes: true,
  maxConnections: true,
  maxConnectionsPerAddress: true,
  addressOf: true,
  broker: true,
  refused: true,
} as const;
const AWAIT = { raw: true, textAs: true, onClosed: true } as const;

// The compiler checks that these are all names there are.
const SERVE: Names<ServeOptions> = {
  ...SERVER,
  ...{ port: true, host: true, unix: true, tls: true, server: true, path: true, zeroCopy: true, textAs: true },
  ...{ request: true, upgrade: true, open: true, message: true, ping: true, pong: true, drain: true },
  ...{ close: true, error: true },
};
const ACCEPT_UPGRADES: Names<AcceptUpgradesOptions> = { ...SERVER, path: true, onError: true };
const ACCEPT: Names<AcceptOptions> = {
  ...REQUEST,
  ...AWAIT,
  ...{ data: true, socket: true, head: true, requireProtocol: true, headers: true },
};
type OwnClientOptions = Pick<
  ClientOptions,
  keyof typeof CONNECTION | keyof typeof AWAIT | 'headers' | 'origin' | 'signal' | 'followRedirects'
>;
const CLIENT: Names<OwnClientOptions> = {
  ...CONNECTION,
  ...AWAIT,
  ...{ headers: true, origin: true, signal: true, followRedirects: true },
};

const absent = (names: object) => Object.fromEntries(Object.keys(names).map((name) => [name, undefined]));
const message = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  throw new Error('It did not throw');
};
const unknown = (options: object) => options as never;

describe('every name of the typings is taken', () => {
  test('by serve', async () => {
    const { server } = await served({ ...absent(SERVE), host: '127.0.0.1', error: () => {} });
    expect(server.port).toBeGreaterThan(0);
  });

  test('by acceptUpgrades', async () => {
    const upgrades = acceptUpgrades(http.createServer(), absent(ACCEPT_UPGRADES));
    expect(upgrades.connections.size).toBe(0);
    await upgrades.close();
  });

  test('by newWebSocket for a request', async () => {
    const { ws } = await acceptedSocket(absent(ACCEPT));
    expect(ws.readyState).toBe(1);
  });

  test('by newWebSocket for a URL, and so is what http, net and tls know', async () => {
    const { url } = await served();
    const node = { family: 4, noDelay: true, ca: undefined, rejectUnauthorized: false, timeout: 1000, servername: 'x' };
    const ws = await newWebSocket(url, [], { ...absent(CLIENT), ...node });
    expect(ws.readyState).toBe(1);
    ws.hangup();
  });
});

describe('an unknown name is a TypeError at the call, with the nearest that is known', () => {
  test.each([
    ['onMessage', 'message'],
    ['onmessage', 'message'],
    ['maxPayLoad', 'maxPayload'],
    ['maxpayload', 'maxPayload'],
    ['perMessageDeflate', 'compression'],
    ['maxPayloadLength', 'maxPayload'],
    ['verifyClient', 'upgrade'],
    ['allowedOrigin', 'allowedOrigins'],
    ['cors', 'allowedOrigins'],
    ['onOpen', 'open'],
  ])('serve({ %s }) means %s', (name, meant) => {
    expect(message(() => serve(unknown({ [name]: 1 })))).toBe(
      `serve has no option "${name}": did you mean "${meant}"?`,
    );
  });

  test('a name that resembles none', () => {
    expect(message(() => serve(unknown({ users: [] })))).toBe('serve has no option "users"');
  });

  test('acceptUpgrades', () => {
    const accept = (options: object) => acceptUpgrades(http.createServer(), unknown(options));
    expect(message(() => accept({ paths: '/ws' }))).toBe('acceptUpgrades has no option "paths": did you mean "path"?');
    expect(message(() => accept({ port: 1 }))).toMatch('no option "port"');
  });

  test('newWebSocket for a URL', () => {
    const connect = (options: object) => newWebSocket('ws://127.0.0.1:1/', [], unknown(options));
    expect(message(() => connect({ header: {} }))).toBe('newWebSocket has no option "header": did you mean "headers"?');
    expect(message(() => connect({ maxConnections: 1 }))).toMatch('no option "maxConnections"');
  });

  test('newWebSocket for a request: what only a whole server can have is refused', async () => {
    const errors: string[] = [];
    const { url } = await awaiting((request, response) => {
      for (const name of ['maxConnections', 'broker', 'addressOf', 'datas']) {
        errors.push(message(() => newWebSocket(request, [], unknown({ [name]: 1 }))));
      }
      response.writeHead(400).end();
    });
    await expect(newWebSocket(url)).rejects.toThrow('400');
    expect(errors[0]).toBe('newWebSocket with a request has no option "maxConnections"');
    expect(errors[3]).toBe('newWebSocket with a request has no option "datas": did you mean "data"?');
  });

  test('what closes, sends, prepares, refuses, limits and shares', async () => {
    const { ws } = await acceptedSocket();
    const { server } = await served();
    const publishing = publisher(new FakeBroker());
    onTestFinished(() => publishing.close());
    const calls: readonly [string, () => unknown][] = [
      ['timeOut', () => server.close(unknown({ timeOut: 1 }))],
      ['timeOut', () => publishing.close(unknown({ timeOut: 1 }))],
      ['timeOut', () => ws.setupPings(1, unknown({ timeOut: 1 }))],
      ['binary', () => ws.send('x', unknown({ binary: false }))],
      ['binary', () => prepare('x', unknown({ binary: false }))],
      ['header', () => refuse(401, unknown({ header: {} }))],
      ['treshold', () => serve({ compression: unknown({ treshold: 1 }) })],
      ['message', () => serve({ rateLimit: unknown({ message: 1 }) })],
      ['maxBufferd', () => cluster(unknown({ maxBufferd: 1 }))],
    ];
    for (const [name, call] of calls) expect(message(call)).toMatch(`has no option "${name}"`);
  });

  test('but close may be a listener for a signal', async () => {
    const { server } = await served();
    const listener = server.close.bind(server) as (signal: string) => Promise<void>;
    await expect(listener('SIGTERM')).resolves.toBeUndefined();
  });

  test('but not what a polluted prototype adds, nor a method that a class has for its handlers', async () => {
    class Chat {
      host = '127.0.0.1';
      message = () => this.count();
      count() {}
    }
    Object.defineProperty(Object.prototype, 'polluted', {
      value: 1,
      enumerable: true,
      configurable: true,
      writable: true,
    });
    try {
      expect((await served(new Chat())).port).toBeGreaterThan(0);
      await acceptUpgrades(http.createServer(), {}).close();
    } finally {
      delete (Object.prototype as { polluted?: number }).polluted;
    }
  });
});

describe('what can never work is refused at the call', () => {
  test.each([
    ['localhost:5173', 'an origin has a scheme, as in "http://localhost:5173"'],
    ['example.org', 'an origin has a scheme, as in "http://example.org"'],
    ['', 'an origin has a scheme'],
    ['https://example.org/', 'an origin has no path: did you mean "https://example.org"?'],
    ['https://example.org:8443/app?x=1', 'an origin has no path: did you mean "https://example.org:8443"?'],
    ['https://*.example.org', 'for many hosts pass a RegExp'],
    ['http://example.org:99999', 'it has no valid host and port'],
    ['http://', 'it has no valid host and port'],
    ['http://user@example.org', 'it has no valid host and port'],
  ])('allowedOrigins: %j', (origin, why) => {
    for (const allowedOrigins of [origin, ['https://example.org', origin]]) {
      const expected = `allowedOrigins can never match ${JSON.stringify(origin)}: ${why}`;
      expect(message(() => serve({ allowedOrigins }))).toBe(expected);
    }
  });

  test.each(['*', 'null', 'http://localhost:5173', 'HTTPS://Example.org:443', 'app://x', 'file://', 'http://[::1]:80'])(
    'allowedOrigins: %j is taken',
    async (allowedOrigins) => {
      expect((await served({ allowedOrigins })).port).toBeGreaterThan(0);
    },
  );

  test.each(['http://example.org', 'example.org/', '*.example.org', ''])('allowedHosts: %j', (host) => {
    expect(message(() => serve({ allowedHosts: host }))).toMatch(/^allowedHosts can never match/);
  });

  test.each(['/rooms/:room', '/*', '/a/*/b'])('path: %s is a pattern of routers', (path) => {
    const expected = `path knows no patterns such as "${path}": pass a RegExp, or leave it out if a router decides`;
    expect(message(() => serve({ path }))).toBe(expected);
    expect(message(() => acceptUpgrades(http.createServer(), { path: ['/ws', path] }))).toBe(expected);
  });

  test('port: digits are taken, as they come from the environment', async () => {
    expect((await served({ port: '0' })).port).toBeGreaterThan(0);
    for (const port of ['', 'x', '80x', ' 80', '-1', '1e3', null, {}]) {
      expect(message(() => serve({ port: unknown(port as object) }))).toMatch(/^port must be a number, not/);
    }
    expect(() => serve({ port: '65536' })).toThrow(new RangeError('port must be 0 to 65535, not 65536'));
  });
});
