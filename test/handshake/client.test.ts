import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkProtocols,
  judgeResponse,
  type Opening,
  openingHeaders,
  parseUrl,
  type UpgradeResponse,
} from '../../src/handshake/client.js';
import { acceptKey, newKey } from '../../src/handshake/key.js';
import { formatAcceptance, isRefusal, judgeUpgrade } from '../../src/handshake/server.js';
import {
  WebSocketCreationError,
  WebSocketHandshakeError,
  WebSocketProtocolMismatchError,
} from '../../src/protocol/errors.js';
import { inQuotes } from '../../src/protocol/quoted.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

describe('openingHeaders', () => {
  test('seed.K1: are those of RFC 6455 §4.1 and no others', () => {
    expect(openingHeaders({ key: KEY, protocols: [] })).toEqual({
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': KEY,
    });
  });

  test('§4.1, item 11: extensions are offered as they are given, and not at all by default', () => {
    const extensions = 'permessage-deflate; client_max_window_bits';
    expect(openingHeaders({ key: KEY, protocols: [], extensions })).toMatchObject({
      'Sec-WebSocket-Extensions': extensions,
    });
    expect(openingHeaders({ key: KEY, protocols: [] })).not.toHaveProperty('Sec-WebSocket-Extensions');
  });

  test('join the subprotocols, and add the Origin and the headers of the user', () => {
    const headers = { Cookie: 'a=1', Accept: ['b', 'c'], Empty: [], One: ['d'] };
    expect(openingHeaders({ key: KEY, protocols: ['a', 'b'], origin: 'https://a', headers })).toMatchObject({
      'Sec-WebSocket-Protocol': 'a, b',
      Origin: 'https://a',
      Cookie: 'a=1',
      Accept: ['b', 'c'],
      One: 'd',
    });
    expect(openingHeaders({ key: KEY, protocols: [], headers })).not.toHaveProperty('Empty');
    expect(openingHeaders({ key: KEY, protocols: [], headers: { origin: 'x' } })).toMatchObject({ origin: 'x' });
    const odd = openingHeaders({ key: KEY, protocols: [], headers: Object.fromEntries([['__proto__', 'x']]) });
    expect(Object.keys(odd)).toContain('__proto__');
  });

  test.each([
    ['a value with CRLF', { X: 'a\r\nY: b' }],
    ['a value with NUL', { X: 'a\0' }],
    ['an element with CRLF', { X: ['a', 'b\r\nY: c'] }],
    ['a name with CRLF', { 'X\r\nY': 'a' }],
    ['a value that is no string', { X: 1 }],
    ['no value', { X: undefined }],
    ['an element that is no string', { X: [['a']] }],
    ['Sec-WebSocket-Key', { 'sec-websocket-key': KEY }],
    ['Sec-WebSocket-Version', { 'Sec-WebSocket-Version': '8' }],
    ['Sec-WebSocket-Extensions', { 'Sec-WebSocket-Extensions': 'x' }],
    ['Sec-WebSocket-Protocol', { 'Sec-WebSocket-Protocol': 'x' }],
    ['Upgrade', { UPGRADE: 'x' }],
    ['Connection', { connection: ['x'] }],
    ['Content-Length', { 'Content-Length': '5' }],
    ['Transfer-Encoding', { 'Transfer-Encoding': 'chunked' }],
  ])('hostile.S-12 hostile.A4.14: TypeError for a header: %s', (_, headers) => {
    const opening = { key: KEY, protocols: [], headers: headers as unknown as Opening['headers'] };
    expect(() => openingHeaders(opening)).toThrow(TypeError);
  });

  test('hostile.S-12: TypeError for an Origin that cannot be written, or is given twice', () => {
    expect(() => openingHeaders({ key: KEY, protocols: [], origin: 'a\r\nX: y' })).toThrow(TypeError);
    const twice = { key: KEY, protocols: [], origin: 'a', headers: { oRigin: 'b' } };
    expect(() => openingHeaders(twice)).toThrow(TypeError);
  });
});

describe('checkProtocols', () => {
  test('makes a list of its own', () => {
    const list = ['a', 'b'];
    expect(checkProtocols(list)).toEqual(list);
    expect(checkProtocols(list)).not.toBe(list);
    expect(checkProtocols('a')).toEqual(['a']);
    expect(checkProtocols(undefined)).toEqual([]);
    expect(checkProtocols([])).toEqual([]);
  });

  test.each([['a b'], ['a,b'], ['a\r\nX: y'], ['a\0'], ['caf\xe9'], [['a', '']], [['a', 'a']], [['a', 'b,c']]])(
    'hostile.S-12 hostile.A4.14: SyntaxError with the value: %j',
    (protocols) => {
      expect(() => checkProtocols(protocols)).toThrow(SyntaxError);
      expect(() => checkProtocols(protocols)).toThrow(JSON.stringify([protocols].flat().at(-1)));
    },
  );

  test.each([[5], [null], [{}], [[5]], [[undefined]], [new Set(['a'])]])('TypeError: %j', (protocols) => {
    expect(() => checkProtocols(protocols as unknown as string[])).toThrow(TypeError);
  });
});

describe('parseUrl', () => {
  test.each([
    ['ws://example.com', 'ws://example.com/'],
    ['WSS://Example.com:8443/a/b?c=d&e', 'wss://example.com:8443/a/b?c=d&e'],
    ['ws://[::1]:80/', 'ws://[::1]/'],
    [new URL('ws://example.com/x'), 'ws://example.com/x'],
    ['http://example.com:8080/x', 'ws://example.com:8080/x'],
    ['https://example.com/x', 'wss://example.com/x'],
    [new URL('http://example.com/x'), 'ws://example.com/x'],
  ])('takes %s', (url, href) => {
    expect(parseUrl(url).href).toBe(href);
    expect(parseUrl(url)).not.toBe(url);
  });

  test.each(['ftp', 'wsx'])('seed.K2: another scheme than ws and wss is a WebSocketCreationError: %s', (scheme) => {
    expect(() => parseUrl(`${scheme}://example.com/`)).toThrow(WebSocketCreationError);
    expect(() => parseUrl(`${scheme}://example.com/`)).toThrow(`Scheme ${scheme} not supported yet`);
  });

  test.each([
    ['CRLF', 'ws://a/\r\nX: y'],
    ['LF', 'ws://a/b\nc'],
    ['TAB in the scheme', 'w\ts://a/'],
    ['NUL', 'ws://a/\0'],
    ['DEL', 'ws://a/\x7f'],
    ['a space', 'ws://a/b c'],
    ['a space before it', ' ws://a/'],
    ['a line feed after it', 'ws://a/\n'],
    ['a fragment', 'ws://a/b#c'],
    ['an empty fragment', 'ws://a/b#'],
    ['a fragment of a URL object', new URL('ws://a/b#c')],
    ['a relative URL', '/chat'],
    ['no host', 'ws://'],
    ['a bad port', 'ws://a:99999/'],
    ['nothing', ''],
  ])('hostile.S-12 hostile.A4.14: SyntaxError with the value: %s', (_, url) => {
    expect(() => parseUrl(url)).toThrow(SyntaxError);
    expect(() => parseUrl(url)).toThrow(inQuotes(String(url)));
  });

  test.each([[undefined], [null], [5], [{ href: 'ws://a/' }]])('TypeError: %j', (url) => {
    expect(() => parseUrl(url as unknown as string)).toThrow(TypeError);
  });
});

type Fields = Record<string, string | string[] | undefined>;

/** The 101 that answers KEY, with some fields changed, repeated (an array) or left out (undefined). */
function answer(changes: Fields = {}, line: Partial<UpgradeResponse> = {}): UpgradeResponse {
  const fields: Fields = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Accept': ACCEPT, ...changes };
  const rawHeaders = Object.entries(fields).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((each) => [name, each]),
  );
  return { statusCode: 101, httpVersion: '1.1', headers: { marker: 'x' }, rawHeaders, ...line };
}

function judge(changes?: Fields, protocols: string[] = [], line?: Partial<UpgradeResponse>): string {
  return judgeResponse(answer(changes, line), { key: KEY, protocols }).protocol;
}

function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('judgeResponse', () => {
  test('accepts the response of RFC 6455 §1.3, in any case', () => {
    expect(judge()).toBe('');
    expect(judge({ Upgrade: 'WebSocket', Connection: ['keep-alive', 'UPGRADE'] })).toBe('');
  });

  test('takes an IncomingMessage', () => {
    const take = (response: IncomingMessage) => judgeResponse(response, { key: KEY, protocols: [] });
    expect(take).toBeTypeOf('function');
  });

  test('errors carry status and headers', () => {
    const error = errorOf(() => judge({ Upgrade: undefined }));
    expect(error).toBeInstanceOf(WebSocketHandshakeError);
    expect(error).toMatchObject({ status: 101, headers: { marker: 'x' } });
  });

  const BROKEN: [string, Fields][] = [
    ['hostile.S-01: §4.1.4 no Accept', { 'Sec-WebSocket-Accept': undefined }],
    ['hostile.S-01: §4.1.4 a wrong Accept', { 'Sec-WebSocket-Accept': acceptKey(newKey()) }],
    ['hostile.S-01: §4.1.4 an Accept in the wrong case', { 'Sec-WebSocket-Accept': ACCEPT.toLowerCase() }],
    ['hostile.S-02: §11.3.3 two Accepts', { 'Sec-WebSocket-Accept': [ACCEPT, ACCEPT] }],
    ['hostile.S-03: §4.1.2 no Upgrade', { Upgrade: undefined }],
    ['hostile.S-03: §4.1.2 Upgrade: foo', { Upgrade: 'foo' }],
    ['hostile.S-03: §4.1.2 Upgrade: websocket, foo', { Upgrade: 'websocket, foo' }],
    ['hostile.S-03: §4.1.2 two Upgrades', { Upgrade: ['websocket', 'websocket'] }],
    ['hostile.S-03: §4.1.3 no Connection', { Connection: undefined }],
    ['hostile.S-03: §4.1.3 Connection: close', { Connection: 'close' }],
    ['hostile.S-03: §4.1.3 a malformed Connection', { Connection: 'Upgrade foo' }],
    ['hostile.S-06: §4.1.5 an extension', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }],
    ['hostile.S-06: §4.1.5 an empty extension header', { 'Sec-WebSocket-Extensions': '' }],
    ['hostile.S-06: §4.1.6 a subprotocol', { 'Sec-WebSocket-Protocol': 'foo' }],
    ['hostile.S-06: §4.1.6 an empty subprotocol header', { 'Sec-WebSocket-Protocol': '' }],
  ];
  test.each(BROKEN)('%s: WebSocketHandshakeError', (_, changes) => {
    expect(() => judge(changes)).toThrow(WebSocketHandshakeError);
  });

  test('hostile.S-11: HTTP/1.0 fails, Content-Length and Transfer-Encoding are ignored', () => {
    expect(() => judge({}, [], { httpVersion: '1.0' })).toThrow(WebSocketHandshakeError);
    expect(judge({ 'Content-Length': '5', 'Transfer-Encoding': 'chunked' })).toBe('');
  });

  test('seed.K3: Upgrade alone is not enough: wrong Accept, status 200 and an unsolicited extension fail', () => {
    expect(() => judge({ 'Sec-WebSocket-Accept': 'x' })).toThrow(WebSocketHandshakeError);
    expect(errorOf(() => judge({}, [], { statusCode: 200 }))).toMatchObject({ status: 200 });
    expect(() => judge({ 'Sec-WebSocket-Extensions': 'x' })).toThrow(WebSocketHandshakeError);
  });

  test('seed.K6: none requested, one sent: fails; "" requests none and sends no header', () => {
    expect(() => judge({ 'Sec-WebSocket-Protocol': 'foo' })).toThrow(WebSocketHandshakeError);
    const protocols = checkProtocols('');
    expect(protocols).toEqual([]);
    expect(openingHeaders({ key: KEY, protocols })).not.toHaveProperty('Sec-WebSocket-Protocol');
    expect(judge({}, protocols)).toBe('');
  });

  describe('if extensions were offered', () => {
    const opening = { key: KEY, protocols: [], extensions: 'permessage-deflate' };
    const extensionsIn = (value: string | string[]) =>
      judgeResponse(answer({ 'Sec-WebSocket-Extensions': value }), opening).extensions;

    test('§9.1: those that the server names are told in order, whether or not they were offered', () => {
      expect(judgeResponse(answer(), opening)).toEqual({ protocol: '', extensions: [] });
      expect(extensionsIn('a; b="1"; c, permessage-deflate')).toEqual([
        { name: 'a', params: [{ name: 'b', value: '1' }, { name: 'c' }] },
        { name: 'permessage-deflate', params: [] },
      ]);
    });

    test('§11.3.2: several headers count as one', () => {
      expect(extensionsIn(['a', 'b']).map(({ name }) => name)).toEqual(['a', 'b']);
    });

    test.each(['', ',', ';', 'a;', 'a; b=', 'a; b=""', 'a; b="c', 'a b', 'a=1'])(
      '§9.1: %j is malformed: WebSocketHandshakeError',
      (value) => {
        expect(() => extensionsIn(value)).toThrow(WebSocketHandshakeError);
        expect(() => extensionsIn(value)).toThrow('malformed');
      },
    );
  });

  test('seed.K5: a subprotocol that was requested is told', () => {
    expect(judge({ 'Sec-WebSocket-Protocol': 'b' }, ['a', 'b'])).toBe('b');
  });

  test.each([[undefined], ['c'], ['A'], ['a, b'], [['a', 'a']], [['a', 'b']], ['']])(
    'seed.K5: requested a and b, got %j: WebSocketProtocolMismatchError',
    (protocol) => {
      expect(() => judge({ 'Sec-WebSocket-Protocol': protocol }, ['a', 'b'])).toThrow(WebSocketProtocolMismatchError);
    },
  );

  test('throws nothing but its two errors', () => {
    const name = fc.constantFrom('Upgrade', 'Connection', 'Sec-WebSocket-Accept', 'Sec-WebSocket-Protocol', 'X');
    const value = fc.oneof(fc.constantFrom('websocket', 'Upgrade', ACCEPT, 'a', ''), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (pairs) => {
        const response = { ...answer(), rawHeaders: pairs.flat() };
        const error = errorOf(() => judgeResponse(response, { key: KEY, protocols: ['a'] }));
        const isKnown = error instanceof WebSocketHandshakeError || error instanceof WebSocketProtocolMismatchError;
        expect(error === undefined || isKnown).toBe(true);
      }),
    );
  });
});

test('both sides understand each other, whatever the subprotocols', () => {
  const token = fc.string({ unit: fc.constantFrom('a', 'b', '-', '!', '7'), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.uniqueArray(token, { maxLength: 5 }), fc.nat(), (protocols, pick) => {
      const key = newKey();
      const request = { Host: 'localhost', ...openingHeaders({ key, protocols }) };
      const rawHeaders = Object.entries(request).flat() as string[];
      const judgement = judgeUpgrade({ method: 'GET', httpVersion: '1.1', rawHeaders }, { maxHeaders: 9 }, () => null);
      if (isRefusal(judgement)) throw new Error(judgement.message);
      expect(judgement.protocols).toEqual(protocols);

      const chosen = protocols[pick % protocols.length] ?? '';
      const lines = formatAcceptance(judgement.key, chosen, { X: 'y' }).split('\r\n').slice(1, -2);
      const response = answer({}, { rawHeaders: lines.flatMap((line) => line.split(': ')) });
      expect(judgeResponse(response, { key, protocols })).toEqual({ protocol: chosen, extensions: [] });
    }),
  );
});
