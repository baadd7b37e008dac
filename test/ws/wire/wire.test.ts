import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { WebSocket } from 'ws';
import { frameFor } from '../../support/framer.js';
import { RawServer } from '../../support/raw-peer.js';
import { turns, until } from '../../support/waiting.js';
import { IMPLEMENTATIONS } from '../implementations.js';
import { connect, listen } from '../pairs.js';

/** What a socket receives until it closes: text as strings. */
function messagesOf(ws: WebSocket): [string, boolean][] {
  const messages: [string, boolean][] = [];
  ws.on('message', (data, isBinary) => messages.push([String(data), isBinary]));
  return messages;
}

describe.each(IMPLEMENTATIONS)('%s: sending', (_name, impl) => {
  test('ws.M1: send returns undefined; a number goes as its string, undefined and null as empty binary', async () => {
    const { client, server } = await connect(impl);
    const messages = messagesOf(server);
    const values = [
      42,
      0,
      undefined,
      null,
      '',
      'text',
      Buffer.from('bytes'),
      new Uint8Array([65]),
      new Uint8Array([66]).buffer,
    ];
    for (const value of values) expect(client.send(value as never)).toBeUndefined();
    client.close();
    await once(server, 'close');
    expect(messages).toEqual([
      ['42', false],
      ['0', false],
      ['', true],
      ['', true],
      ['', false],
      ['text', false],
      ['bytes', true],
      ['A', true],
      ['B', true],
    ]);
  });

  test.each([[{}], [{ a: 1 }]])('ws.M1: a plain object is a TypeError: %j', async (value) => {
    const { client } = await connect(impl);
    const error = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
    expect(() => client.send(value as never)).toThrow(error);
    expect(client.readyState).toBe(impl.WebSocket.OPEN);
  });

  test('ws.M2: a Blob that cannot be read ends the socket: callbacks, an error, and 1006', async () => {
    const { client, server } = await connect(impl);
    const failure = new Error('gone');
    const blob = Object.assign(Object.create(Blob.prototype), { arrayBuffer: () => Promise.reject(failure) });
    Object.defineProperties(blob, { size: { value: 3 }, type: { value: '' }, stream: { value: () => undefined } });
    const events: unknown[] = [];
    client.on('error', (error) => events.push(error));
    client.on('close', (code) => events.push(code));
    client.send('before');
    client.send(blob, (error) => events.push(`first ${error === failure}`));
    client.send('after', (error) => events.push(`second ${error === failure}`));
    const messages = messagesOf(server);
    await Promise.all([once(server, 'close'), until(() => client.readyState === impl.WebSocket.CLOSED)]);
    await turns();
    expect(events).toEqual(['first true', 'second true', failure, 1006]);
    expect(messages).toEqual([['before', false]]);
  });

  test('ws.M1: other views, arrays of octets and a Blob are sent as their octets, in order', async () => {
    const { client, server } = await connect(impl);
    const messages = messagesOf(server);
    client.send(new Blob(['first, ', 'a Blob']));
    client.send('second');
    client.send(new DataView(new Uint8Array([97, 98, 99]).buffer, 1));
    client.send([100, 101] as never);
    client.close();
    await once(server, 'close');
    expect(messages).toEqual([
      ['first, a Blob', true],
      ['second', false],
      ['bc', true],
      ['de', true],
    ]);
  });

  test('ws.M2: send, ping and pong throw while CONNECTING', async () => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url);
    ws.on('error', () => {});
    onTestFinished(() => ws.terminate());
    for (const method of ['send', 'ping', 'pong'] as const) {
      expect(() => ws[method]('x')).toThrow(new Error('WebSocket is not open: readyState 0 (CONNECTING)'));
    }
    expect(ws.readyState).toBe(0);
  });

  test('ws.M2: callbacks come once each, in order, with a falsy argument', async () => {
    const { client, server } = await connect(impl);
    const calls: unknown[] = [];
    for (let i = 0; i < 50; i++) client.send('x'.repeat(i), (error) => calls.push([i, !!error]));
    client.ping('p', true, (error) => calls.push(['ping', !!error]));
    expect(calls).toEqual([]);
    await once(server, 'ping');
    await until(() => calls.length >= 51);
    await turns();
    expect(calls).toEqual([...Array.from({ length: 50 }, (_, i) => [i, false]), ['ping', false]]);
  });

  test('ws.M2: terminate in the same turn: each callback comes once, in order, without an error for what the kernel took', async () => {
    const { client } = await connect(impl);
    const calls: unknown[] = [];
    for (let i = 0; i < 3; i++) client.send('x', (error) => calls.push([i, error instanceof Error]));
    client.terminate();
    await once(client, 'close');
    await until(() => calls.length >= 3);
    expect(calls).toEqual([0, 1, 2].map((i) => [i, false]));
  });

  test('ws.M2: while CLOSING and when CLOSED sends go to the callback, and raise bufferedAmount', async () => {
    const { client } = await connect(impl);
    client.close();
    const errors: (string | undefined)[] = [];
    client.send('12345', (error) => errors.push(error?.message));
    client.ping('123', true, (error: Error) => errors.push(error?.message));
    expect(client.bufferedAmount).toBeGreaterThanOrEqual(8);
    await once(client, 'close');
    const before = client.bufferedAmount;
    client.send('12', (error) => errors.push(error?.message));
    client.send('123');
    expect(client.bufferedAmount).toBe(before + 5);
    await until(() => errors.length >= 3);
    expect(errors).toEqual([
      'WebSocket is not open: readyState 2 (CLOSING)',
      'WebSocket is not open: readyState 2 (CLOSING)',
      'WebSocket is not open: readyState 3 (CLOSED)',
    ]);
  });

  test('ws.M2: bufferedAmount is 0 for a peer that reads, and grows for one that does not', async () => {
    const { client, server } = await connect(impl);
    client.send('small');
    expect(client.bufferedAmount).toBe(0);
    server.pause();
    const callbacks: boolean[] = [];
    const octets = Buffer.alloc(1_048_576);
    for (let i = 0; i < 32; i++) client.send(octets, (error) => callbacks.push(!error));
    await turns(30);
    expect(client.bufferedAmount).toBeGreaterThan(octets.length);
    expect(callbacks.length).toBeLessThan(32);
    server.resume();
    await until(() => callbacks.length === 32);
    expect(callbacks.every(Boolean)).toBe(true);
    expect(client.bufferedAmount).toBe(0);
  });

  test('ws.M3: options may be left out, undefined or partial, and the callback may come second', async () => {
    const { client, server } = await connect(impl);
    const messages = messagesOf(server);
    let called = 0;
    const count = (error?: Error | null) => {
      if (!error) called++;
    };
    client.send('a', { compress: undefined }, count);
    client.send('b', undefined as never, count);
    client.send('c', count);
    client.send('d', { binary: true });
    client.send(Buffer.from('e'), { binary: false });
    client.send('f', { fin: false });
    client.send('g', { fin: false });
    client.send('h');
    client.close();
    await once(server, 'close');
    expect(messages).toEqual([
      ['a', false],
      ['b', false],
      ['c', false],
      ['d', true],
      ['e', false],
      ['fgh', false],
    ]);
    expect(called).toBe(3);
  });

  test('ws.M4: a bad close code is a TypeError, a long reason or ping a RangeError; the state stays OPEN', async () => {
    const { client } = await connect(impl);
    const text = 'First argument must be a valid error code number';
    for (const code of ['1000', 999, 1004, 1005, 1006, 1015, 5000, Number.NaN, null]) {
      expect(() => client.close(code as never), String(code)).toThrow(new TypeError(text));
    }
    const long = new RangeError('The message must not be greater than 123 bytes');
    expect(() => client.close(1000, 'x'.repeat(124))).toThrow(long);
    expect(() => client.close(1000, 'ü'.repeat(62))).toThrow(long);
    const ping = new RangeError('The data size must not be greater than 125 bytes');
    expect(() => client.ping('x'.repeat(126))).toThrow(ping);
    expect(() => client.pong(Buffer.alloc(126))).toThrow(ping);
    expect(client.readyState).toBe(impl.WebSocket.OPEN);
    client.close(1000, 'x'.repeat(123));
    expect((await once(client, 'close'))[1]).toHaveLength(123);
  });

  test.each(['ping', 'pong'] as const)('ws.M8: %s takes its callback first, second or third', async (method) => {
    const { client, server } = await connect(impl);
    const received: string[] = [];
    server.on(method, (data) => received.push(String(data)));
    const call = client[method].bind(client) as (...args: unknown[]) => void;
    await new Promise((resolve) => call(resolve));
    await new Promise((resolve) => call('two', resolve));
    await new Promise((resolve) => call(3, undefined, resolve));
    await until(() => received.length === 3);
    expect(received).toEqual(['', 'two', '3']);
  });
});

describe.each(IMPLEMENTATIONS)('%s: closing', (_, impl) => {
  test('ws.M5: close and terminate may be called again, in any state', async () => {
    const { client, server } = await connect(impl);
    let closes = 0;
    client.on('close', () => closes++);
    client.close(1001, 'once');
    client.close(1002, 'twice');
    expect(client.readyState).toBe(impl.WebSocket.CLOSING);
    expect((await once(server, 'close')).map(String)).toEqual(['1001', 'once']);
    await until(() => closes > 0);
    client.close();
    client.terminate();
    await turns();
    expect(closes).toBe(1);
    expect(client.readyState).toBe(impl.WebSocket.CLOSED);
  });

  test.each(['close', 'terminate'] as const)('ws.M5: %s while CONNECTING is an error, then 1006', async (method) => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url);
    const events: unknown[] = [];
    ws.on('error', (error) => events.push(error.message));
    ws.on('close', (code, reason) => events.push(code, String(reason)));
    ws[method]();
    expect(ws.readyState).toBe(impl.WebSocket.CLOSING);
    expect(events).toEqual([]);
    await until(() => ws.readyState === impl.WebSocket.CLOSED);
    expect(events).toEqual(['WebSocket was closed before the connection was established', 1006, '']);
  });

  test('ws.M5: terminate is 1006 for both', async () => {
    const { client, server } = await connect(impl);
    const ends = Promise.all([once(client, 'close'), once(server, 'close')]);
    client.terminate();
    expect(client.readyState).toBe(impl.WebSocket.CLOSING);
    expect((await ends).map(([code, reason]) => [code, String(reason)])).toEqual([
      [1006, ''],
      [1006, ''],
    ]);
  });

  test('ws.M5: what was sent before close and terminate arrives', async () => {
    for (const method of ['close', 'terminate'] as const) {
      const { client, server } = await connect(impl);
      const messages = messagesOf(server);
      client.send('last words');
      client[method]();
      await once(server, 'close');
      expect(messages).toEqual([['last words', false]]);
    }
  });

  test('ws.M5: messages come as long as the peer has not sent its Close', async () => {
    const { client, server } = await connect(impl);
    const messages = messagesOf(client);
    server.send('before');
    client.close();
    server.send('after');
    await once(client, 'close');
    expect(messages.map(([text]) => text)).toEqual(['before', 'after']);
  });

  test('ws.M5: closing from within listeners', async () => {
    const { client, server } = await connect(impl);
    server.on('message', () => server.close(4001, 'from message'));
    server.on('close', () => server.close());
    const messages = messagesOf(server);
    for (let i = 0; i < 5; i++) client.send(String(i));
    expect((await once(client, 'close')).map(String)).toEqual(['4001', 'from message']);
    expect(messages).toHaveLength(5);
  });

  test('ws.M5: terminate from within a listener: what was read before is told', async () => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url);
    const messages = messagesOf(ws);
    ws.on('message', () => ws.terminate());
    const { peer } = await raw.accept();
    await once(ws, 'open');
    peer.socket.write(Buffer.concat(['a', 'b', 'c'].map((payload) => frameFor('client', 1, payload))));
    expect((await once(ws, 'close'))[0]).toBe(1006);
    expect(messages.map(([text]) => text)).toEqual(['a', 'b', 'c']);
  });

  test('ws.M5: terminate in open: what came with the opening handshake is told', async () => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url);
    const messages = messagesOf(ws);
    ws.on('open', () => ws.terminate());
    await raw.accept('', frameFor('client', 1, 'welcome'));
    expect((await once(ws, 'close'))[0]).toBe(1006);
    expect(messages.map(([text]) => text)).toEqual(['welcome']);
  });

  test('ws.M7: on a server url is undefined; protocol is the first that was offered; 1005 without a code', async () => {
    const { client, server, url } = await connect(impl, { protocols: ['first', 'second'] });
    expect(server.url).toBeUndefined();
    expect(client.url).toBe(url);
    expect([client.protocol, server.protocol]).toEqual(['first', 'first']);
    expect([client.extensions, server.extensions]).toEqual(['', '']);
    client.close();
    expect(await once(server, 'close')).toEqual([1005, Buffer.alloc(0)]);
    expect(client.readyState).not.toBe(impl.WebSocket.OPEN);
  });

  test('ws.M5: a peer that sends FIN without a Close is 1006; one that never answers is given up', async () => {
    const raw = await RawServer.listen();
    const gone = new impl.WebSocket(raw.url);
    (await raw.accept()).peer.socket.end();
    expect((await once(gone, 'close'))[0]).toBe(1006);

    const silent = new impl.WebSocket(raw.url, { closeTimeout: 20 } as never);
    await Promise.all([raw.accept(), once(silent, 'open')]);
    silent.close(1000);
    expect((await once(silent, 'close'))[0]).toBe(1006);
  });
});

describe.each(IMPLEMENTATIONS)('%s: addresses', (_, impl) => {
  test.each([
    ['', 'Invalid URL: '],
    ['nothing', 'Invalid URL: nothing'],
    ['ftp://x/', 'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"'],
    ['ws://x/#part', 'The URL contains a fragment identifier'],
    ['ws+unix:', "The URL's pathname is empty"],
  ])('ws.M6: %j is a SyntaxError', (address, message) => {
    expect(() => new impl.WebSocket(address)).toThrow(new SyntaxError(message));
  });

  test.each([[['twice', 'twice']], [['a b']], [['']], [[1]], ['']])(
    'ws.M6: the subprotocols %j are a SyntaxError',
    (protocols) => {
      const error = new SyntaxError('An invalid or duplicated subprotocol was specified');
      expect(() => new impl.WebSocket('ws://127.0.0.1:1/', protocols as string[])).toThrow(error);
    },
  );

  test('ws.M6: URL objects and http: URLs work; credentials become Basic authorization, percent-decoded', async () => {
    const { wss, url } = await listen(impl);
    const address = new URL(url.replace('ws:', 'http:'));
    address.username = 'a b';
    address.password = 'p:ü';
    const request = once(wss, 'connection').then(([, { headers }]) => headers);
    const ws = new impl.WebSocket(address);
    onTestFinished(() => ws.terminate());
    await once(ws, 'open');
    expect(ws.url).toBe(address.href.replace('http:', 'ws:'));
    const [kind, credentials] = String((await request).authorization).split(' ');
    expect([kind, Buffer.from(credentials, 'base64').toString()]).toEqual(['Basic', 'a b:p:ü']);
  });
});
