import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRefusal, isRefusal, Refusal, refuse } from '../../src/handshake/refusal.js';

describe('refuse', () => {
  test('has the reason phrase as its body, and no headers, by default', () => {
    const refusal = refuse(403);
    expect(refusal).toMatchObject({
      status: 403,
      headers: {},
      body: '403 Forbidden\n',
      message: 'Refused with 403 Forbidden',
    });
    expect(Object.isFrozen(refusal) && Object.isFrozen(refusal.headers)).toBe(true);
  });

  test.each([299, 101, 200, 600, 400.5, Number.NaN, '400', undefined])(
    'RangeError with the value: status %s',
    (status) => {
      expect(() => refuse(status as number)).toThrow(RangeError);
      expect(() => refuse(status as number)).toThrow(status === '400' ? '"400"' : String(status));
    },
  );

  test.each([
    ['a name with a line end', { 'X\r\nY': 'z' }],
    ['an empty name', { '': 'z' }],
    ['a name with a space', { 'X Y': 'z' }],
    ['a value with a line end', { X: 'y\r\nSet-Cookie: z' }],
    ['a value with a bare CR', { X: 'y\rz' }],
    ['a value with NUL', { X: 'y\0' }],
    ['a value that becomes CR and LF as Latin-1', { X: 'y\u010d\u010az' }],
    ['a value that is no string', { X: 5 as unknown as string }],
    ['Connection', { connection: 'keep-alive' }],
    ['Content-Length', { 'Content-Length': '0' }],
    ['Transfer-Encoding', { 'transfer-encoding': 'chunked' }],
  ])('TypeError for a header: %s', (_, headers) => {
    expect(() => refuse(400, { headers: headers as Record<string, string> })).toThrow(TypeError);
  });

  test('TypeError for a body that is no string, or of a 304', () => {
    expect(() => refuse(400, { body: 5 as unknown as string })).toThrow(TypeError);
    expect(() => refuse(304, { body: 'x' })).toThrow(TypeError);
    expect(refuse(304).body).toBe('');
  });

  test('takes own properties only', () => {
    const headers = Object.create({ Inherited: 'x\r\n' }) as Record<string, string>;
    headers.Own = 'y';
    expect(refuse(400, { headers }).headers).toEqual({ Own: 'y' });
    const odd = refuse(400, { headers: Object.fromEntries([['__proto__', 'z']]) });
    expect(formatRefusal(odd)).toContain('__proto__: z\r\n');
  });
});

describe('isRefusal', () => {
  test('knows its own, not what looks like one', () => {
    expect(isRefusal(refuse(400))).toBe(true);
    expect(isRefusal(new Refusal(400, 'x'))).toBe(true);
    expect(isRefusal({ ...refuse(400) })).toBe(false);
    expect(isRefusal(Object.create(Refusal.prototype))).toBe(false);
    for (const value of [undefined, null, 400, 'x', () => {}]) expect(isRefusal(value)).toBe(false);
  });
});

describe('formatRefusal', () => {
  test('writes a whole response that ends the connection', () => {
    expect(formatRefusal(refuse(401, { headers: { 'WWW-Authenticate': 'Basic' }, body: 'häh?' }))).toBe(
      [
        'HTTP/1.1 401 Unauthorized',
        'Connection: close',
        'Content-Length: 5',
        'WWW-Authenticate: Basic',
        'Content-Type: text/plain; charset=utf-8',
        '',
        'häh?',
      ].join('\r\n'),
    );
  });

  test("keeps the user's Content-Type, in any case", () => {
    const text = formatRefusal(refuse(400, { headers: { 'content-type': 'application/json' }, body: '{}' }));
    expect(text.match(/content-type/gi)).toHaveLength(1);
    expect(text).toContain('content-type: application/json\r\n');
  });

  test('RFC 9112 §4: a status without a known reason phrase keeps the space', () => {
    expect(formatRefusal(refuse(499))).toMatch(/^HTTP\/1\.1 499 \r\n/);
  });

  test('Content-Length is the number of octets of the body, lone surrogates included', () => {
    const body = fc.string({ unit: fc.oneof(fc.constantFrom('a', 'é', '€', '😀', '\r\n', '\ud800'), fc.string()) });
    fc.assert(
      fc.property(fc.integer({ min: 400, max: 599 }), body, (status, text) => {
        const wire = Buffer.from(formatRefusal(refuse(status, { body: text })));
        const end = wire.indexOf('\r\n\r\n');
        const length = /\r\nContent-Length: (\d+)\r\n/.exec(wire.subarray(0, end + 2).toString())?.[1];
        expect(wire.length - end - 4).toBe(Number(length));
      }),
    );
  });
});
