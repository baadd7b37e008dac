import { afterEach, describe, expect, test } from 'vitest';
import { checkCompression } from '../../src/api/compression.js';
import { agreedLimits, resolveLimits, type ServerLimits } from '../../src/api/limits.js';
import { checkDuration, checkPath, checkType, ownOptions } from '../../src/api/option-checks.js';
import { Deflater, KeepingDeflater } from '../../src/deflate/deflater.js';
import { Inflater, KeepingInflater } from '../../src/deflate/inflater.js';
import { chooseOffer } from '../../src/deflate/negotiation.js';
import { parseExtensions } from '../../src/handshake/header-values.js';
import { UNCOUNTED } from '../../src/net/counters.js';
import { newMaskingKey } from '../../src/protocol/masking-key.js';

const MiB = 1_048_576;

const SIZES = {
  maxPayload: MiB,
  maxFragments: 1024,
  maxHeaderBytes: 16_384,
  maxHeaders: 100,
  maxPendingHandshakes: 1024,
  maxConnections: Number.POSITIVE_INFINITY,
  maxConnectionsPerAddress: Number.POSITIVE_INFINITY,
  highWaterMark: 65_536,
  maxBackpressure: MiB,
};

const DURATIONS = {
  handshakeTimeout: 10_000,
  pingInterval: 25_000,
  pongTimeout: 20_000,
  idleTimeout: 0,
  messageTimeout: 30_000,
  closeTimeout: 5000,
};

const limitsOf = (given: object) => resolveLimits('server', given as ServerLimits);

describe('the limits that are not given', () => {
  test('hostile.T-07: are the defaults, on a server: a Ping each 25 s, among others', () => {
    expect(limitsOf({})).toEqual({
      ...SIZES,
      ...DURATIONS,
      role: 'server',
      slowPeer: 'terminate',
      compression: null,
      agreed: null,
      allowedOrigins: undefined,
      allowedHosts: undefined,
      addressOf: undefined,
      rateLimit: null,
      counters: UNCOUNTED,
      textAs: 'string',
      zeroCopy: false,
      awaited: false,
      raw: false,
      lenientLengths: false,
      maxPieces: Number.POSITIVE_INFINITY,
      skipUtf8: false,
      maskingKey: null,
      inflater: null,
      deflater: null,
    });
  });

  test('are the same on a client, but that it sends no Pings of its own and waits for a slow peer', () => {
    expect(resolveLimits('client')).toEqual({
      ...limitsOf({}),
      role: 'client',
      pingInterval: 0,
      slowPeer: 'wait',
      maskingKey: newMaskingKey,
    });
  });

  test('are those of undefined too', () => {
    const given = Object.fromEntries(
      Object.keys({ ...SIZES, ...DURATIONS, slowPeer: 1 }).map((name) => [name, undefined]),
    );
    expect(limitsOf(given)).toEqual(limitsOf({}));
  });
});

describe.each(Object.keys(SIZES))('%s', (name) => {
  test('is a whole number of 1 or more, or Infinity', () => {
    for (const value of [1, 77, 2 ** 40, Number.POSITIVE_INFINITY]) {
      expect(limitsOf({ [name]: value })).toMatchObject({ [name]: value });
    }
  });

  test.each([0, -1, 0.5, Number.NaN, Number.NEGATIVE_INFINITY])(
    'hostile.A-09: %d is a RangeError that tells it',
    (value) => {
      expect(() => limitsOf({ [name]: value })).toThrow(RangeError);
      expect(() => limitsOf({ [name]: value })).toThrow(new RegExp(`${name} .*${value}`));
    },
  );

  test.each([
    ['1mb', '"1mb"'],
    [null, 'null'],
    [true, 'true'],
    [{}, 'an object'],
    [1n, '1'],
  ])('hostile.A-09: %s is a TypeError that tells it', (value, shown) => {
    expect(() => limitsOf({ [name]: value })).toThrow(TypeError);
    expect(() => limitsOf({ [name]: value })).toThrow(shown);
  });
});

describe.each(Object.keys(DURATIONS))('%s', (name) => {
  test('is a whole number of milliseconds; 0 and Infinity are off', () => {
    expect(limitsOf({ [name]: 1 })).toMatchObject({ [name]: 1 });
    expect(limitsOf({ [name]: 0 })).toMatchObject({ [name]: 0 });
    expect(limitsOf({ [name]: Number.POSITIVE_INFINITY })).toMatchObject({ [name]: 0 });
  });

  test.each([-1, 0.5, Number.NaN])('%d is a RangeError that tells it', (value) => {
    expect(() => limitsOf({ [name]: value })).toThrow(RangeError);
    expect(() => limitsOf({ [name]: value })).toThrow(new RegExp(`${name} .*${value}`));
  });

  test.each(['10', null, new Date(0)])('%s is a TypeError', (value) => {
    expect(() => limitsOf({ [name]: value })).toThrow(TypeError);
  });
});

describe('the other limits', () => {
  test('slowPeer is one of three', () => {
    for (const slowPeer of ['terminate', 'drop', 'wait']) expect(limitsOf({ slowPeer })).toMatchObject({ slowPeer });
    expect(() => limitsOf({ slowPeer: 'kick' })).toThrow(
      new TypeError('slowPeer must be one of "terminate", "drop", "wait", not "kick"'),
    );
  });

  test('textAs is string or bytes', () => {
    expect(limitsOf({ textAs: 'bytes' })).toMatchObject({ textAs: 'bytes' });
    expect(() => limitsOf({ textAs: 'buffer' })).toThrow(TypeError);
  });

  test('no view is handed to one who awaits', () => {
    expect(resolveLimits('server', { zeroCopy: true } as ServerLimits, true)).toMatchObject({
      zeroCopy: false,
      awaited: true,
    });
  });

  test.each(['zeroCopy', 'raw'])('%s is true or false', (name) => {
    expect(limitsOf({ [name]: true })).toMatchObject({ [name]: true });
    expect(() => limitsOf({ [name]: 1 })).toThrow(TypeError);
  });

  test('compression is off, on or an object, and always off with raw', () => {
    expect(limitsOf({ compression: false })).toMatchObject({ compression: null });
    expect(limitsOf({ compression: { threshold: 5 } })).toMatchObject({
      compression: { threshold: 5, level: 'fast', contextTakeover: false, windowBits: 15 },
    });
    expect(limitsOf({ compression: true, raw: true })).toMatchObject({ compression: null });
    expect(() => limitsOf({ compression: 1 })).toThrow(TypeError);
    expect(() => limitsOf({ compression: { windowBits: 16 }, raw: true })).toThrow(RangeError);
  });

  test.each(['allowedOrigins', 'allowedHosts'])(
    '%s is a string, a pattern, an array of these or a function',
    (name) => {
      const value = name === 'allowedOrigins' ? 'http://a' : 'a';
      for (const rule of ['*', value, /a/, [value, /b/], [], () => true]) {
        expect(limitsOf({ [name]: rule })).toMatchObject({ [name]: rule });
      }
      for (const rule of [5, null, {}, [5], ['a', undefined], true]) {
        expect(() => limitsOf({ [name]: rule })).toThrow(TypeError);
      }
    },
  );
});

describe('what was agreed about compression', () => {
  const [agreed, other] = ['permessage-deflate', 'permessage-deflate; server_max_window_bits=10'].map(
    (offer) => chooseOffer(parseExtensions(offer) ?? [], checkCompression(true)).parameters,
  );

  test('without it, a server’s limits are those of its sockets', () => {
    const limits = limitsOf({ compression: true });
    expect(agreedLimits(limits, null)).toBe(limits);
    const plain = limitsOf({});
    expect(agreedLimits(plain, agreed)).toBe(plain);
  });

  test('sockets of one server that have agreed on the same share one object', () => {
    const limits = limitsOf({ compression: { threshold: 7, level: 'small' }, maxPayload: 5 });
    const ofSocket = agreedLimits(limits, agreed);
    expect(ofSocket).toEqual({
      ...limits,
      agreed: { ...agreed, threshold: 7, level: 'small' },
      deflater: expect.any(Deflater),
      inflater: expect.any(Inflater),
    });
    expect(Object.isFrozen(ofSocket.agreed)).toBe(true);
    expect(agreedLimits(limits, agreed)).toBe(ofSocket);
    expect(agreedLimits(limits, other)).not.toBe(ofSocket);
    expect(agreedLimits(limits, other).agreed).toMatchObject({ serverMaxWindowBits: 10 });
    expect(agreedLimits(limitsOf({ compression: true }), agreed).agreed).toMatchObject({ threshold: 1024 });
    expect(limits.agreed).toBeNull();
  });

  test('a side that keeps its compressor is of one socket alone, by role', () => {
    const keeping = { ...agreed!, serverNoContextTakeover: false, clientNoContextTakeover: true } as const;
    for (const role of ['server', 'client'] as const) {
      const limits = resolveLimits(role, { compression: { contextTakeover: true } });
      const [one, two] = [agreedLimits(limits, keeping), agreedLimits(limits, keeping)];
      const isServer = role === 'server';
      expect(one.deflater instanceof KeepingDeflater).toBe(isServer);
      expect(one.inflater instanceof KeepingInflater).toBe(!isServer);
      expect(one.deflater === two.deflater).toBe(!isServer);
      expect(one.inflater === two.inflater).toBe(isServer);
      expect(one.deflater!.shared).toBe(two.deflater!.shared);
      expect(one.agreed).toBe(two.agreed);
    }
  });
});

describe('a polluted prototype', () => {
  const prototype = Object.prototype as Record<string, unknown>;
  afterEach(() => {
    delete prototype.maxPayload;
    delete prototype.raw;
    delete prototype.allowedOrigins;
  });

  test('hostile.A-09: changes no limit', () => {
    const before = limitsOf({});
    Object.assign(prototype, { maxPayload: 2 ** 40, raw: true, allowedOrigins: '*' });
    expect(limitsOf({})).toEqual(before);
    expect(ownOptions<{ raw?: boolean; mine: number }>({ mine: 1 }).raw).toBeUndefined();
  });

  test('ownOptions keeps what was given, and takes nothing but objects', () => {
    expect({ ...ownOptions({ a: 1 }) }).toEqual({ a: 1 });
    for (const options of [null, 1, 'x']) expect(() => ownOptions(options as unknown as object)).toThrow(TypeError);
  });
});

describe('single values', () => {
  test('checkDuration takes milliseconds, or what is there by default', () => {
    expect(checkDuration('timeout', undefined, 7)).toBe(7);
    expect(checkDuration('timeout', 5, 7)).toBe(5);
    expect(checkDuration('timeout', Number.POSITIVE_INFINITY, 7)).toBe(0);
    expect(() => checkDuration('timeout', -1, 7)).toThrow(/timeout .*-1/);
  });

  test('checkType passes what is left out or of the type', () => {
    expect(() => checkType('host', undefined, 'string')).not.toThrow();
    expect(() => checkType('host', 'a', 'string')).not.toThrow();
    expect(() => checkType('host', 5, 'string')).toThrow(new TypeError('host must be a string, not 5'));
  });

  test.each([[undefined], ['/ws'], [/ws/], [['/a', /b/]], [[]], [() => true]])('checkPath takes %s', (path) => {
    expect(() => checkPath(path)).not.toThrow();
  });

  test.each([
    ['ws', 'path must begin with "/", not "ws"'],
    [['/a', 'b'], 'path must begin with "/", not "b"'],
    [5, 'path must be a string, a RegExp, an array of these or a function, not 5'],
    [['/a', 5], 'path must be a string, a RegExp, an array of these or a function, not'],
    [null, 'path must be a string, a RegExp, an array of these or a function, not null'],
  ])('checkPath refuses %j', (path, message) => {
    expect(() => checkPath(path)).toThrow(TypeError);
    expect(() => checkPath(path)).toThrow(message);
  });
});
