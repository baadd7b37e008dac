import { promisify } from 'node:util';
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

  test.each([[{}], [{ clientMaxWindowBits: 9, serverMaxWindowBits: 10 }], [{ serverNoContextTakeover: true }]])(
    'the offer with %j is that of npm ws',
    (options) => {
      expect(new WASOCK.PerMessageDeflate(options).offer()).toEqual(new NPM_WS.PerMessageDeflate(options).offer());
    },
  );
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
});
