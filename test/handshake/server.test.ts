import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Accepted,
  chooseProtocol,
  type ExtraHeaders,
  formatAcceptance,
  formatRefusal,
  isRefusal,
  isUpgrade,
  judgeUpgrade,
  MAX_EXTENSIONS,
  offeredProtocols,
  type Refusal,
  refuse,
  type UpgradeRequest,
  type UpgradeRules,
} from '../../src/handshake/server.js';
import { WebSocketProtocolMismatchError } from '../../src/protocol/errors.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const RULES: UpgradeRules = { maxHeaders: 100 };

type Fields = Record<string, string | string[] | undefined>;

const FIELDS: Fields = {
  Host: 'server.example.com',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': KEY,
  'Sec-WebSocket-Version': '13',
};

/** The request of RFC 6455 §1.3, with some fields changed, repeated (an array) or left out (undefined). */
function upgrade(changes: Fields = {}, line: Partial<UpgradeRequest> = {}): UpgradeRequest {
  const rawHeaders = Object.entries({ ...FIELDS, ...changes }).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((each) => [name, each]),
  );
  return { method: 'GET', httpVersion: '1.1', url: '/chat', rawHeaders, ...line };
}

function accepted(changes?: Fields, rules = RULES, line?: Partial<UpgradeRequest>): Accepted {
  const request = upgrade(changes, line);
  const judgement = judgeUpgrade(request, rules, () => request);
  if (isRefusal(judgement)) throw new Error(judgement.message);
  return judgement;
}

function refused(changes?: Fields, rules = RULES, line?: Partial<UpgradeRequest>): Refusal {
  const request = upgrade(changes, line);
  const judgement = judgeUpgrade(request, rules, () => request);
  if (!isRefusal(judgement)) throw new Error('accepted');
  return judgement;
}

const NEEDS_13 = { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };

describe('judgeUpgrade', () => {
  test('accepts the request of RFC 6455 §1.3', () => {
    expect(accepted({ Origin: 'http://server.example.com', 'Sec-WebSocket-Protocol': 'chat, superchat' })).toEqual({
      key: KEY,
      protocols: ['chat', 'superchat'],
      extensions: [],
    });
  });

  test('takes an IncomingMessage, and rules whose functions know its type', () => {
    const judge = (request: IncomingMessage) =>
      judgeUpgrade(
        request,
        { maxHeaders: 1, allowedOrigins: (_, { socket }: IncomingMessage) => socket.remotePort === 443 },
        () => request,
      );
    expect(judge).toBeTypeOf('function');
  });

  test('accepts names, Upgrade and Connection in any case, among other options and on several lines', () => {
    expect(accepted({ Upgrade: 'WebSocket', Connection: ['keep-alive, , ', 'UPGRADE'] }).key).toBe(KEY);
    const shouting = upgrade();
    const rawHeaders = shouting.rawHeaders.map((text, at) => (at % 2 === 0 ? text.toUpperCase() : text));
    expect(isRefusal(judgeUpgrade({ ...shouting, rawHeaders }, RULES, () => shouting))).toBe(false);
  });

  test('the refusal of a rule is a whole response with Connection: close', () => {
    const body = 'Failed to create WebSocket from request: Sec-WebSocket-Version is "8", not 13\n';
    expect(formatRefusal(refused({ 'Sec-WebSocket-Version': '8' }))).toBe(
      [
        'HTTP/1.1 426 Upgrade Required',
        'Connection: close',
        `Content-Length: ${body.length}`,
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Content-Type: text/plain; charset=utf-8',
        '',
        body,
      ].join('\r\n'),
    );
  });

  test('never throws, and accepts nothing without the five headers', () => {
    const text = fc.oneof(
      fc.constantFrom('websocket', 'Upgrade', '13', KEY, 'a', 'http://a', '', ',', 'a, b', 'a;b="c'),
      fc.string({ unit: 'binary' }),
    );
    const name = fc.oneof(fc.constantFrom(...Object.keys(FIELDS), 'Origin', 'Sec-WebSocket-Extensions'), fc.string());
    const rawHeaders = fc.array(fc.tuple(name, text)).map((pairs) => pairs.flat());
    const line = fc.record({
      method: fc.option(fc.constantFrom('GET', 'POST'), { nil: undefined }),
      httpVersion: fc.constantFrom('1.1', '1.0'),
      url: fc.option(fc.webUrl(), { nil: undefined }),
    });
    fc.assert(
      fc.property(rawHeaders, line, (rawHeaders, line) => {
        const judgement = judgeUpgrade({ ...line, rawHeaders }, RULES, upgrade);
        const names = new Set(rawHeaders.filter((_, at) => at % 2 === 0).map((each) => each.toLowerCase()));
        const hasAll = Object.keys(FIELDS).every((each) => names.has(each.toLowerCase()));
        expect(isRefusal(judgement) || hasAll).toBe(true);
      }),
    );
  });
});

describe('judgeUpgrade, the request line', () => {
  test.each(['1.0', '0.9', '2.0', ''])('hostile.H-08: HTTP/%s: 400', (httpVersion) => {
    expect(refused({}, RULES, { httpVersion }).status).toBe(400);
  });

  test.each(['POST', 'PUT', 'HEAD', 'get', undefined])('hostile.H-07: method %s: 405 and Allow: GET', (method) => {
    expect(refused({}, RULES, { method })).toMatchObject({ status: 405, headers: { Allow: 'GET' } });
  });

  test('RFC 9110 §9.3.2: no body in the answer to HEAD', () => {
    expect(refused({}, RULES, { method: 'HEAD' }).body).toBe('');
  });

  test('hostile.H-22: the authority of a target in absolute-form overrides Host', () => {
    const line = { url: 'http://Evil.example:81/x#frag' };
    expect(accepted({}, { ...RULES, allowedHosts: 'evil.example:81' }, line).key).toBe(KEY);
    expect(refused({ Origin: 'http://server.example.com' }, RULES, line).status).toBe(403);
    expect(accepted({ Origin: 'http://evil.example:81' }, RULES, line).key).toBe(KEY);
    expect(refused({}, { ...RULES, allowedHosts: 'server.example.com' }, line).status).toBe(403);
  });

  test.each(['http:///x', 'http://a@b/', 'ws://a:99999/'])('target %s names no valid host: 400', (url) => {
    expect(refused({}, RULES, { url }).status).toBe(400);
  });

  test.each(['/a#frag', '/..%2f', '*', '/http://evil/'])('hostile.H-22: target %s: Host counts', (url) => {
    const rules = { ...RULES, allowedHosts: 'server.example.com' };
    expect(accepted({}, rules, { url }).key).toBe(KEY);
  });
});

describe('judgeUpgrade, the headers of HTTP', () => {
  test('hostile.H-18 hostile.A4.1: more lines than maxHeaders are 431, whether or not the others are there', () => {
    const many = Array.from({ length: 3000 }, () => '1');
    expect(refused({ 'X-n': many }).status).toBe(431);
    expect(refused({ Upgrade: undefined, 'Sec-WebSocket-Key': undefined, 'X-n': many }).status).toBe(431);
    expect(refused({ X: '1' }, { maxHeaders: 5 }).status).toBe(431);
    expect(accepted({}, { maxHeaders: 5 }).key).toBe(KEY);
    expect(accepted({ 'X-n': many }, { maxHeaders: Number.POSITIVE_INFINITY }).key).toBe(KEY);
  });

  test.each([[undefined], [['a', 'a']], [['a', 'b']], [''], ['a b'], ['a@b'], ['a/b']])(
    'hostile.H-11: Host %j: 400',
    (Host) => {
      expect(refused({ Host }).status).toBe(400);
    },
  );

  test.each([
    ['hostile.H-12: a body with a length', { 'Content-Length': '5' }],
    ['hostile.H-13 hostile.A4.10: a chunked body', { 'Transfer-Encoding': 'chunked' }],
    ['hostile.H-14: a length and chunked', { 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }],
    ['hostile.H-14: zero and chunked', { 'Content-Length': '0', 'Transfer-Encoding': 'chunked' }],
    ['hostile.H-14: two lengths', { 'Content-Length': ['0', '5'] }],
    ['hostile.H-14: one length twice', { 'Content-Length': ['0', '0'] }],
    ['hostile.H-14: a list', { 'Content-Length': '0, 0' }],
    ['hostile.H-12: a length that is no number', { 'Content-Length': '+0' }],
  ])('%s: 400', (_, fields) => {
    expect(refused(fields).status).toBe(400);
  });

  test('Content-Length: 0 is no body', () => {
    expect(accepted({ 'Content-Length': '0' }).key).toBe(KEY);
  });

  test.each([
    ['no Upgrade', { Upgrade: undefined }],
    ['no Connection', { Connection: undefined }],
    ['neither', { Upgrade: undefined, Connection: undefined }],
    ['an empty Upgrade', { Upgrade: '' }],
    ['Connection: keep-alive', { Connection: 'keep-alive' }],
    ['Connection: upgrades', { Connection: 'upgrades' }],
    ['a malformed Connection', { Connection: 'Upgrade x' }],
    ['Upgrade: websocket/13', { Upgrade: 'websocket/13' }],
  ])('hostile.H-09: %s: 426', (_, fields) => {
    expect(refused(fields)).toMatchObject({ status: 426, headers: NEEDS_13 });
  });

  test('hostile.H-10: an Upgrade to h2c alone: 426', () => {
    expect(refused({ Upgrade: 'h2c' })).toMatchObject({ status: 426, headers: NEEDS_13 });
  });

  test.each([
    ['h2c, websocket'],
    ['websocket, HTTP/2.0'],
    [['websocket', 'h2c']],
    [['websocket', 'websocket']],
    ['websocket; x'],
    ['websocket x'],
  ])('hostile.H-10: an Upgrade to %j: 400', (Upgrade) => {
    expect(refused({ Upgrade }).status).toBe(400);
  });

  test('hostile.A4.5: 15 KB of spaces in Upgrade and Connection are no trouble', () => {
    const spaces = ' '.repeat(15 * 1024);
    expect(accepted({ Upgrade: `websocket${spaces}`, Connection: `Upgrade${spaces}` }).key).toBe(KEY);
    expect(refused({ Connection: `Upgrade${spaces}x` }).status).toBe(426);
  });
});

describe('judgeUpgrade, the headers of RFC 6455', () => {
  test.each([['7'], ['12'], [undefined], [['13', '13']], [['13', '8']], ['13, 8']])(
    'hostile.H-05: version %j: 426 and Sec-WebSocket-Version: 13',
    (version) => {
      expect(refused({ 'Sec-WebSocket-Version': version })).toMatchObject({ status: 426, headers: NEEDS_13 });
    },
  );

  test.each(['8', '0xd', '1.3e1', '013', '13.0', '+13', '', 'x', '13a'])('hostile.H-06: version %j: 426', (version) => {
    expect(refused({ 'Sec-WebSocket-Version': version })).toMatchObject({ status: 426, headers: NEEDS_13 });
  });

  test('hostile.A4.9: version 8 with and without Connection and Upgrade: 426', () => {
    const version8 = { 'Sec-WebSocket-Version': '8' };
    expect(refused(version8).status).toBe(426);
    expect(refused({ ...version8, Upgrade: undefined }).status).toBe(426);
    expect(refused({ ...version8, Connection: undefined, Upgrade: undefined }).status).toBe(426);
  });

  test('hostile.A1.10: the draft of two keys and no version is 426', () => {
    const draft = { 'Sec-WebSocket-Version': undefined, 'Sec-WebSocket-Key1': '1 2', 'Sec-WebSocket-Key2': '3 4' };
    expect(refused(draft)).toMatchObject({ status: 426, headers: NEEDS_13 });
  });

  test("seed.S1 seed.S2: the seed's words for a missing version, and for a bad version or key", () => {
    expect(refused({ 'Sec-WebSocket-Version': undefined }).message).toMatch(/^Invalid WebSocket handshake: .*missing/);
    const unusable = /^Failed to create WebSocket from request: /;
    expect(refused({ 'Sec-WebSocket-Version': 'x' }).message).toMatch(unusable);
    expect(refused({ 'Sec-WebSocket-Key': undefined }).message).toMatch(unusable);
    expect(refused({ 'Sec-WebSocket-Key': 'x' }).message).toMatch(unusable);
  });

  test('seed.S3: version 12, POST, no Upgrade, no Connection are all refused', () => {
    expect(refused({ 'Sec-WebSocket-Version': '12' }).status).toBe(426);
    expect(refused({}, RULES, { method: 'POST' }).status).toBe(405);
    expect(refused({ Upgrade: undefined }).status).toBe(426);
    expect(refused({ Connection: undefined }).status).toBe(426);
  });

  test.each([
    ['missing', undefined],
    ['abc', 'abc'],
    ['of 15 octets', Buffer.alloc(15).toString('base64')],
    ['empty', ''],
    ['of 8 KiB', 'A'.repeat(8192)],
  ])('hostile.H-02 seed.S4: a key %s: 400', (_, key) => {
    expect(refused({ 'Sec-WebSocket-Key': key }).status).toBe(400);
  });

  test('hostile.H-03: a key with a non-canonical tail is accepted as it is', () => {
    expect(accepted({ 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAR==' }).key).toBe('AAAAAAAAAAAAAAAAAAAAAR==');
  });

  test('hostile.H-04: two Sec-WebSocket-Key headers: 400', () => {
    expect(refused({ 'Sec-WebSocket-Key': [KEY, KEY] }).status).toBe(400);
  });

  test.each(['a,,b', 'a b', 'a, a', ',', 'caf\xe9', 'a\tb', `b${' '.repeat(15 * 1024)}x`])(
    'hostile.H-23 hostile.A4.13: subprotocols %j: 400',
    (value) => {
      expect(refused({ 'Sec-WebSocket-Protocol': value }).status).toBe(400);
    },
  );

  test.each(['Sec-WebSocket-Protocol', 'Sec-WebSocket-Extensions'])(
    'an empty %s, which Python and .NET send if they offer nothing, is none',
    (name) => {
      const { protocols, extensions } = accepted({ [name]: '' });
      expect([protocols, extensions]).toEqual([[], []]);
    },
  );

  test('§11.3.4: subprotocols on several lines count as one list', () => {
    expect(accepted({ 'Sec-WebSocket-Protocol': ['a', 'b, c'] }).protocols).toEqual(['a', 'b', 'c']);
    expect(refused({ 'Sec-WebSocket-Protocol': ['a', 'a'] }).status).toBe(400);
  });

  test.each(['x; y=",permessage-deflate; client_max_window_bits,"', 'x; y="', ','])(
    'hostile.H-26: extensions %j: 400',
    (value) => {
      expect(refused({ 'Sec-WebSocket-Extensions': value }).status).toBe(400);
    },
  );

  test('hostile.H-25: extensions with names of Object.prototype are offers like any other', () => {
    const { extensions } = accepted({ 'Sec-WebSocket-Extensions': ['constructor', '__proto__; toString=1'] });
    expect(extensions.map(({ name }) => name)).toEqual(['constructor', '__proto__']);
  });

  test('hostile.H-29: of 1000 offers the first 8 are evaluated', () => {
    const offers = Array.from({ length: 1000 }, (_, at) => `permessage-deflate; x=${at}`).join(',');
    const { extensions } = accepted({ 'Sec-WebSocket-Extensions': offers });
    expect(MAX_EXTENSIONS).toBe(8);
    expect(extensions.map(({ params }) => params[0].value)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  });
});

describe('judgeUpgrade, who may connect', () => {
  test.each(['https://evil.example', 'null', 'http://server.example.com.evil', 'http://server.example.com:8080', ''])(
    'hostile.H-01 hostile.A5.1: Origin %j: 403',
    (Origin) => {
      expect(refused({ Origin, Cookie: 'session=1' }).status).toBe(403);
    },
  );

  test('hostile.A5.1: two Origin headers: 403, whatever is allowed', () => {
    const Origin = ['http://server.example.com', 'http://server.example.com'];
    expect(refused({ Origin }).status).toBe(403);
    expect(refused({ Origin }, { ...RULES, allowedOrigins: '*' }).status).toBe(403);
  });

  test('hostile.A5.1: no Origin passes, whatever is allowed', () => {
    expect(accepted({}, { ...RULES, allowedOrigins: [] }).key).toBe(KEY);
    expect(accepted({}, { ...RULES, allowedOrigins: () => false }).key).toBe(KEY);
  });

  test('hostile.A5.1: X-Forwarded-Host and its like are not trusted', () => {
    const forwarded = { 'X-Forwarded-Host': 'evil.example', Forwarded: 'host=evil.example' };
    expect(refused({ Origin: 'http://evil.example', ...forwarded }).status).toBe(403);
  });

  test('allowedOrigins takes the place of the default', () => {
    const rules = { ...RULES, allowedOrigins: ['https://app.example', /^http:\/\/localhost(:\d+)?$/] };
    expect(accepted({ Origin: 'https://app.example' }, rules).key).toBe(KEY);
    expect(accepted({ Origin: 'http://localhost:5173' }, rules).key).toBe(KEY);
    expect(refused({ Origin: 'http://server.example.com' }, rules).status).toBe(403);
    expect(accepted({ Origin: 'null' }, { ...RULES, allowedOrigins: '*' }).key).toBe(KEY);
  });

  test('a function of allowedOrigins sees the request; what it throws passes through', () => {
    const rules: UpgradeRules = { ...RULES, allowedOrigins: (origin, { url }) => origin === 'x' && url === '/chat' };
    expect(accepted({ Origin: 'x' }, rules).key).toBe(KEY);
    expect(refused({ Origin: 'y' }, rules).status).toBe(403);
    const throwing: UpgradeRules = {
      ...RULES,
      allowedOrigins() {
        throw new Error('mine');
      },
    };
    expect(() => judgeUpgrade(upgrade({ Origin: 'x' }), throwing, upgrade)).toThrow('mine');
  });

  test('hostile.A5.1: DNS rebinding is stopped by allowedHosts', () => {
    const rebound = { Host: '127.0.0.1.evil', Origin: 'http://127.0.0.1.evil' };
    expect(accepted(rebound).key).toBe(KEY);
    const rules = { ...RULES, allowedHosts: ['127.0.0.1', 'localhost'] };
    expect(refused(rebound, rules).status).toBe(403);
    expect(accepted({ Host: '127.0.0.1:8080', Origin: 'http://127.0.0.1:8080' }, rules).key).toBe(KEY);
  });
});

describe('isUpgrade', () => {
  test('needs websocket in Upgrade and upgrade in Connection, and nothing else', () => {
    expect(isUpgrade(upgrade())).toBe(true);
    expect(isUpgrade(upgrade({ Upgrade: 'h2c, WEBSOCKET', Connection: ['keep-alive', 'upgrade'] }))).toBe(true);
    expect(isUpgrade(upgrade({ 'Sec-WebSocket-Version': undefined, 'Sec-WebSocket-Key': undefined }))).toBe(true);
    expect(isUpgrade(upgrade({ Upgrade: 'h2c' }))).toBe(false);
    expect(isUpgrade(upgrade({ Upgrade: undefined }))).toBe(false);
    expect(isUpgrade(upgrade({ Connection: undefined }))).toBe(false);
    expect(isUpgrade(upgrade({ Upgrade: 'websocket x' }))).toBe(false);
  });
});

describe('offeredProtocols', () => {
  test('tells the list, empty if there is none or it is malformed', () => {
    expect(offeredProtocols(upgrade({ 'Sec-WebSocket-Protocol': 'foo1, foo2' }))).toEqual(['foo1', 'foo2']);
    expect(offeredProtocols(upgrade())).toEqual([]);
    expect(offeredProtocols(upgrade({ 'Sec-WebSocket-Protocol': 'a,,b' }))).toEqual([]);
  });

  test('seed.S10: the server picks from the list: foo1, else foo2, else nothing', () => {
    const pick = (offers: string) => {
      const offered = offeredProtocols(upgrade({ 'Sec-WebSocket-Protocol': offers }));
      return ['foo1', 'foo2'].find((protocol) => offered.includes(protocol));
    };
    expect(pick('foo2, foo1')).toBe('foo1');
    expect(pick('foo3, foo2')).toBe('foo2');
    expect(pick('foo3')).toBe(undefined);
  });
});

describe('chooseProtocol', () => {
  test("seed.S6: any of the client's offers may match, its order counts", () => {
    expect(chooseProtocol(['a', 'b'], ['a'], false)).toBe('a');
    expect(chooseProtocol(['a', 'b'], ['b'], false)).toBe('b');
    expect(chooseProtocol(['a', 'b'], ['b', 'a'], false)).toBe('a');
    const mismatch = () => chooseProtocol(['a'], ['b'], false);
    expect(mismatch).toThrow(WebSocketProtocolMismatchError);
    expect(mismatch).toThrow('Protocol mismatch (expected: b, got: a)');
    expect(() => chooseProtocol(['A'], ['a'], false)).toThrow(WebSocketProtocolMismatchError);
  });

  test('seed.S7: offers without wishes are ignored, or a mismatch with requireProtocol', () => {
    expect(chooseProtocol(['foo'], undefined, false)).toBe('');
    expect(chooseProtocol(['foo'], [], false)).toBe('');
    expect(() => chooseProtocol(['foo'], undefined, true)).toThrow('Protocol mismatch (expected: none, got: foo)');
  });

  test('seed.S8: wishes without offers: no header, or a mismatch with requireProtocol', () => {
    expect(chooseProtocol([], ['foo'], false)).toBe('');
    expect(formatAcceptance(KEY, '')).not.toContain('Protocol:');
    expect(() => chooseProtocol([], ['foo'], true)).toThrow('Protocol mismatch (expected: foo, got: none)');
  });

  test('neither side names one: none', () => {
    expect(chooseProtocol([], undefined, false)).toBe('');
    expect(chooseProtocol([], undefined, true)).toBe('');
  });
});

describe('formatAcceptance', () => {
  const LINES = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  ];

  test('seed.S5: the 101 of RFC 6455 §1.3, with a subprotocol only if there is one', () => {
    expect(formatAcceptance(KEY, '')).toBe([...LINES, '', ''].join('\r\n'));
    expect(formatAcceptance(KEY, 'chat')).toBe([...LINES, 'Sec-WebSocket-Protocol: chat', '', ''].join('\r\n'));
  });

  test('§4.2.2, item 5: extensions are answered as they are given, and not at all by default', () => {
    const extensions = 'permessage-deflate; server_no_context_takeover';
    expect(formatAcceptance(KEY, 'chat', { X: 'y' }, extensions)).toBe(
      [...LINES, 'Sec-WebSocket-Protocol: chat', `Sec-WebSocket-Extensions: ${extensions}`, 'X: y', '', ''].join(
        '\r\n',
      ),
    );
    expect(formatAcceptance(KEY, '')).not.toContain('Extensions');
  });

  test('takes extra headers as a record, a Map or pairs', () => {
    const expected = [...LINES, 'Set-Cookie: a=1', 'X: \xe9', '', ''].join('\r\n');
    const headers = { 'Set-Cookie': 'a=1', X: '\xe9' };
    for (const form of [headers, new Map(Object.entries(headers)), Object.entries(headers)] as ExtraHeaders[]) {
      expect(formatAcceptance(KEY, '', form)).toBe(expected);
    }
    const twice: [string, string][] = [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ];
    expect(formatAcceptance(KEY, '', twice)).toContain('Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n');
  });

  test.each([
    ['a value with CRLF', { X: 'a\r\nY: b' }],
    ['a name with CRLF', { 'X: a\r\nY': 'b' }],
    ['a value with NUL', { X: '\0' }],
    ['a value that becomes LF as Latin-1', { X: '\u010a' }],
    ['a value that is no string', { X: 1 }],
    ['Upgrade', { upgrade: 'h2c' }],
    ['Connection', { Connection: 'close' }],
    ['Content-Length', { 'Content-Length': '5' }],
    ['Sec-WebSocket-Extensions', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }],
    ['a string instead of headers', 'X: a'],
  ])('hostile.H-32: TypeError with the value: %s', (_, headers) => {
    expect(() => formatAcceptance(KEY, '', headers as unknown as ExtraHeaders)).toThrow(TypeError);
  });

  test.each(['a b', 'a\r\nX: y', 'caf\xe9', 'a,b'])('hostile.H-23: never echoes a non-token: %j', (protocol) => {
    expect(() => formatAcceptance(KEY, protocol)).toThrow(TypeError);
  });
});

test('refuse is exported here too', () => {
  expect(isRefusal(refuse(503))).toBe(true);
});
