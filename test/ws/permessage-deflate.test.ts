import { promisify } from 'node:util';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { IMPLEMENTATIONS, NPM_WS, WASOCK } from './implementations.js';

const OFFERS: [options: object, field: string][] = [
  [{}, 'permessage-deflate'],
  [{}, 'permessage-deflate; client_max_window_bits'],
  [{ clientMaxWindowBits: 10 }, 'permessage-deflate; client_max_window_bits'],
  [{ clientMaxWindowBits: 10 }, 'permessage-deflate; client_max_window_bits=9'],
  [{ clientMaxWindowBits: 10 }, 'permessage-deflate'],
  [{ serverMaxWindowBits: 10 }, 'permessage-deflate; server_max_window_bits=12'],
  [{ serverMaxWindowBits: 12 }, 'permessage-deflate; server_max_window_bits=10'],
  [{ serverMaxWindowBits: false }, 'permessage-deflate; server_max_window_bits=10, permessage-deflate'],
  [{ serverNoContextTakeover: true, clientNoContextTakeover: true }, 'permessage-deflate'],
  [{ serverNoContextTakeover: false }, 'permessage-deflate; server_no_context_takeover'],
  [{}, 'permessage-deflate; unknown'],
  [{}, 'permessage-deflate; server_max_window_bits=7'],
  [{}, 'permessage-deflate; server_max_window_bits'],
  [{}, 'permessage-deflate; server_no_context_takeover=1'],
  [{}, 'permessage-deflate; client_no_context_takeover; client_no_context_takeover'],
];

describe('the negotiation', () => {
  test.each(OFFERS)('options %j and the field %j end as with npm ws, on a server and on a client', (options, field) => {
    for (const isServer of [true, false]) {
      const [expected, actual] = [NPM_WS, WASOCK].map((impl) => {
        const deflate = new impl.PerMessageDeflate({ ...options, isServer });
        try {
          return deflate.accept(impl.extension.parse(field)['permessage-deflate']);
        } catch (error) {
          return [(error as Error).name, (error as Error).message];
        }
      });
      expect({ ...actual }).toEqual({ ...expected });
    }
  });

  test.each([
    [{}],
    [{ clientMaxWindowBits: 9, serverMaxWindowBits: 10 }],
    [{ serverNoContextTakeover: true, clientNoContextTakeover: true }],
    [{ clientMaxWindowBits: true, serverMaxWindowBits: true }],
    [{ clientMaxWindowBits: false, serverMaxWindowBits: false }],
    [{ clientMaxWindowBits: null, serverMaxWindowBits: null }],
    [{ clientMaxWindowBits: 0, serverMaxWindowBits: 0 }],
  ])('the offer with %j is that of npm ws', (options) => {
    expect(new WASOCK.PerMessageDeflate(options).offer()).toEqual(new NPM_WS.PerMessageDeflate(options).offer());
  });
});

describe.each(IMPLEMENTATIONS)('compressed by %s', (_, impl) => {
  test.each(['', '; server_no_context_takeover; client_no_context_takeover'])(
    'restored by both, with %j',
    async (parameters) => {
      for (const other of [NPM_WS, WASOCK]) {
        const [from, to] = [impl, other].map((side, index) => {
          const deflate = new side.PerMessageDeflate({ isServer: index === 0 });
          deflate.accept(side.extension.parse(`permessage-deflate${parameters}`)['permessage-deflate']);
          return deflate;
        });
        for (const text of ['hello hello', 'hello again', 'x'.repeat(100_000), '']) {
          const compressed = await promisify(from.compress.bind(from))(Buffer.from(text), true);
          expect(String(await promisify(to.decompress.bind(to))(compressed, true))).toBe(text);
        }
        from.cleanup();
        to.cleanup();
      }
    },
  );

  test('a message that is longer than maxPayload when it is restored', async () => {
    const from = new impl.PerMessageDeflate({ isServer: true });
    from.accept([{}]);
    const compressed = await promisify(from.compress.bind(from))(Buffer.alloc(100_000), true);
    const to = new impl.PerMessageDeflate({ isServer: false, maxPayload: 1000 });
    to.accept([{}]);
    const restored = promisify(to.decompress.bind(to))(compressed, true);
    await expect(restored).rejects.toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' });
    from.cleanup();
    to.cleanup();
  });

  test('what is under way when it is cleaned up ends with an error', async () => {
    const deflate = new impl.PerMessageDeflate();
    deflate.accept([{}]);
    const compressed = promisify(deflate.compress.bind(deflate))(Buffer.alloc(100_000), true);
    deflate.cleanup();
    await expect(compressed).rejects.toThrow('The deflate stream was closed while data was being processed');
    // npm ws takes the end of the old stream for that of a new one, and throws.
    if (impl === NPM_WS) return;
    expect(await promisify(deflate.compress.bind(deflate))(Buffer.alloc(100_000), true)).not.toHaveLength(0);
    deflate.cleanup();
  });

  test('a final block ends the stream, and the next message begins another', async () => {
    const deflate = new impl.PerMessageDeflate();
    deflate.accept([{}]);
    const restore = promisify(deflate.decompress.bind(deflate));
    for (const text of ['one', 'two']) expect(String(await restore(deflateRawSync(text), true))).toBe(text);
    deflate.cleanup();
  });

  test('bytes that are not DEFLATE are an error of zlib', async () => {
    const deflate = new impl.PerMessageDeflate();
    deflate.accept([{}]);
    const restore = promisify(deflate.decompress.bind(deflate));
    await expect(restore(Buffer.of(0xff, 0xff, 0xff), true)).rejects.toMatchObject({ code: 'Z_DATA_ERROR' });
    expect(String(await restore(Buffer.of(0x4b, 0x4c, 0x04, 0x00), true))).toBe('aa');
    deflate.cleanup();
  });

  test('the members that others read', () => {
    const options = { isServer: true, maxPayload: 5, threshold: 0 };
    const { _options, _threshold, _maxPayload, _isServer } = new impl.PerMessageDeflate(options);
    expect([_options, _threshold, _maxPayload, _isServer]).toEqual([options, 0, 5, true]);
    const byDefault = new impl.PerMessageDeflate();
    expect([byDefault._options, byDefault._threshold, byDefault._isServer]).toEqual([{}, 1024, false]);
  });
});

test('what cannot be done throws, and the calls after it are not held up', async () => {
  const deflate = new WASOCK.PerMessageDeflate({ zlibDeflateOptions: { level: 99 }, concurrencyLimit: 1 });
  deflate.accept([{}]);
  for (let i = 0; i < 3; i++) {
    expect(() => deflate.compress(Buffer.from('x'), true, () => {})).toThrow(RangeError);
  }
  const other = new WASOCK.PerMessageDeflate({ concurrencyLimit: 1 });
  other.accept([{}]);
  const compress = promisify(other.compress.bind(other));
  const all = await Promise.all(Array.from({ length: 5 }, (_, i) => compress(Buffer.alloc(50_000, i), true)));
  expect(all).toHaveLength(5);
  other.cleanup();
});
