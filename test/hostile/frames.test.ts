import { describe, expect, test, vi } from 'vitest';
import { serve } from '../../src/api/serve.js';
import { fragmentsFor, frameFor, octetsOf } from '../support/framer.js';
import { rawClient, requestText } from '../support/raw-peer.js';
import { until } from '../support/waiting.js';
import { codeOf, ENDPOINTS, framesFor, framesOf } from './endpoints.js';

const masked = (opcode: number, payload: string | Uint8Array = '', form = {}) =>
  frameFor('server', opcode, payload, form);

function closePayload(code: number, reason = ''): Buffer {
  const octets = Buffer.from(`  ${reason}`);
  octets.writeUInt16BE(code);
  return octets;
}

/** Frames that break a rule: the row, the octets, and the code that the peer gets. */
const BAD: readonly [string, string, number][] = [
  ['hostile.A1.1 hostile.A1.5: a length with its highest bit set, without masking key', '82 ff 8000000000000000', 1002],
  ['hostile.A1.5: a length of ones, without masking key', '82 ff ffffffffffffffff', 1002],
  ['hostile.A1.7: a reserved opcode, and nothing else', '83', 1002],
  ['hostile.A1.8: 2 GiB, header only', '82 ff 0000000080000000 00000000', 1009],
  ['hostile.A1.11: RSV2 in a text', 'a1 80 00000000', 1002],
  ['hostile.A1.11: RSV1 in a text', 'c1 80 00000000', 1002],
  ['hostile.A1.11: Close 1006', '88 82 00000000 03ee', 1002],
  ['hostile.A1.11: a text that is not UTF-8', '81 81 00000000 ff', 1007],
  ['hostile.A1.12 hostile.F-01: a text without a mask', '81 05 68656c6c6f', 1002],
  ['hostile.A2.6: one octet more than maxPayload, header only', '82 ff 0000000000100001 00000000', 1009],
  ['hostile.F-03: a reserved control opcode with a huge length', '8f ff 7fffffffffffffff 00000000', 1002],
  ['hostile.F-04: a continuation of nothing', '80 80 00000000', 1002],
  ['hostile.F-05: a Ping without FIN', '09 80 00000000', 1002],
  ['hostile.F-06: a Ping with a 64-bit length, its first two octets', '89 ff', 1002],
  ['hostile.F-07: a Close of one octet', '88 81 00000000 03', 1002],
  ['hostile.F-10: a Close whose reason is not UTF-8', '88 83 00000000 03e8 ff', 1007],
  ['hostile.F-14: a length of ones', '82 ff ffffffffffffffff 00000000', 1002],
  ['hostile.F-15: a length of 2^63-1', '82 ff 7fffffffffffffff 00000000', 1009],
  ['hostile.F-16: 2^63-1 behind a fragment', '02 81 00000000 61 80 ff 7fffffffffffffff 00000000', 1009],
  ['hostile.F-17: a length in more octets than it needs', '82 fe 0002 00000000 6161', 1002],
];

describe.each(ENDPOINTS)('$style', ({ openEndpoint }) => {
  test.each(BAD)(
    '%s, in one segment with the request and a good frame behind it: %s is Close %i',
    async (_, hex, code) => {
      const endpoint = await openEndpoint();
      const frames = await framesFor(endpoint.port, octetsOf(hex), masked(1, 'not to be seen'));
      expect(frames.map(({ opcode }) => opcode)).toEqual([8]);
      expect(codeOf(frames[0])).toBe(code);
      await until(() => endpoint.ends.length > 0 && endpoint.errors.length > 0);
      expect(endpoint.ends).toEqual([{ closeCode: 1006, reason: '', wasClean: false }]);
      expect(endpoint.errors).toHaveLength(1);
      expect(endpoint.messages).toEqual([]);

      // And the server serves the next one.
      await framesFor(endpoint.port, masked(1, 'still here'), masked(8, closePayload(1000)));
      await until(() => endpoint.ends.length > 1);
      expect(endpoint.messages).toEqual(['still here']);
    },
  );

  test('hostile.F-22: a good frame in front of a bad one is delivered, then there is one error and one Close', async () => {
    const endpoint = await openEndpoint();
    const frames = await framesFor(endpoint.port, masked(1, 'good'), masked(3), masked(4), masked(1, 'late'));
    expect(frames.map(codeOf)).toEqual([1002]);
    await until(() => endpoint.ends.length > 0 && endpoint.errors.length > 0);
    expect(endpoint.messages).toEqual(['good']);
    expect(endpoint.errors).toEqual(['WASOCK_RESERVED_OPCODE']);
    expect(endpoint.ends).toHaveLength(1);
  });

  test.each([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])(
    'hostile.F-08: the close code %i is 1002, and 1006 locally',
    async (code) => {
      const endpoint = await openEndpoint();
      const frames = await framesFor(endpoint.port, masked(8, closePayload(code)));
      expect(frames.map(({ opcode }) => opcode)).toEqual([8]);
      expect(codeOf(frames[0])).toBe(1002);
      await until(() => endpoint.ends.length > 0);
      expect(endpoint.ends).toEqual([{ closeCode: 1006, reason: '', wasClean: false }]);
    },
  );

  test('hostile.F-09: every close code that may be sent is echoed, and told with its reason', async () => {
    const endpoint = await openEndpoint();
    const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
    for (const code of codes) {
      const frames = await framesFor(endpoint.port, masked(8, closePayload(code, `é${code}`)));
      expect(frames.map(({ opcode }) => opcode)).toEqual([8]);
      expect(codeOf(frames[0])).toBe(code);
    }
    await until(() => endpoint.ends.length === codes.length);
    expect(endpoint.ends).toEqual(codes.map((closeCode) => ({ closeCode, reason: `é${closeCode}`, wasClean: true })));
    expect(endpoint.errors).toEqual([]);
  });

  test('hostile.F-20: a Close between fragments is echoed, and the message is not delivered', async () => {
    const endpoint = await openEndpoint();
    const [first, last] = fragmentsFor('server', 1, ['par', 'tial']);
    const frames = await framesFor(endpoint.port, first, masked(8, closePayload(1000)), last);
    expect(frames.map(codeOf)).toEqual([1000]);
    await until(() => endpoint.ends.length > 0);
    expect(endpoint.ends).toEqual([{ closeCode: 1000, reason: '', wasClean: true }]);
    expect(endpoint.messages).toEqual([]);
  });

  test('hostile.F-21: behind a Close nothing counts: no message, no Pong, no second Close', async () => {
    const endpoint = await openEndpoint();
    const behind = [masked(1, 'late'), masked(9, 'ping'), masked(8, closePayload(1001)), octetsOf('ff ff ff')];
    const frames = await framesFor(endpoint.port, masked(8, closePayload(4001, 'first')), ...behind);
    expect(frames.map(({ opcode }) => opcode)).toEqual([8]);
    expect(codeOf(frames[0])).toBe(4001);
    await until(() => endpoint.ends.length > 0);
    expect(endpoint.ends).toEqual([{ closeCode: 4001, reason: 'first', wasClean: true }]);
    expect(endpoint.messages).toEqual([]);
  });

  test('hostile.F-27: 1000 frames in one segment are delivered in order', async () => {
    const endpoint = await openEndpoint();
    const sent = Array.from({ length: 1000 }, (_, i) => `message ${i}`);
    await framesFor(endpoint.port, ...sent.map((text) => masked(1, text)), masked(8, closePayload(1000)));
    await until(() => endpoint.ends.length > 0);
    expect(endpoint.messages).toEqual(sent);
  });

  test('hostile.F-26: a stream of frames of every kind, cut at any octet on the wire, says the same', async () => {
    const endpoint = await openEndpoint();
    const octets = Buffer.concat([
      masked(1, 'Grüße, 世界 🌍'),
      masked(2, Buffer.alloc(130, 0xc3)),
      ...fragmentsFor('server', 1, ['né', 'e', '']),
      masked(9, 'ping'),
      masked(8, closePayload(3000, 'fin é')),
    ]);
    const ends: string[] = [];
    const cut = async (at: number) => {
      const peer = await rawClient(endpoint.port);
      peer.socket.setNoDelay(true);
      peer.write(requestText());
      peer.write(octets.subarray(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      peer.write(octets.subarray(at));
      const frames = await framesOf(peer);
      ends.push(frames.map(({ opcode, payload }) => `${opcode} ${payload.toString('hex')}`).join(' '));
    };
    for (let at = 0; at <= octets.length; at += 20) {
      await Promise.all(Array.from({ length: Math.min(20, octets.length - at + 1) }, (_, i) => cut(at + i)));
    }
    expect(ends).toHaveLength(octets.length + 1);
    expect([...new Set(ends)]).toEqual(['10 70696e67 8 0bb8']);
    await until(() => endpoint.ends.length === octets.length + 1);
    const counts = new Map<string, number>();
    for (const message of endpoint.messages) counts.set(message.toString(), (counts.get(message.toString()) ?? 0) + 1);
    expect([...counts.values()]).toEqual([octets.length + 1, octets.length + 1, octets.length + 1]);
    expect(endpoint.errors).toEqual([]);
  });
});

test.each([
  ['RSV2', 'a1 80 00000000', 1002],
  ['RSV1', 'c1 80 00000000', 1002],
  ['Close 1006', '88 82 00000000 03ee', 1002],
  ['text that is not UTF-8', '81 81 00000000 ff', 1007],
])(
  'hostile.A1.11 hostile.A4.18 hostile.A-03: %s where nobody listens for anything ends that connection alone',
  async (_, hex, code) => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const server = await serve({ host: '127.0.0.1' });
    try {
      const other = await rawClient(server.port);
      other.write(requestText());
      await other.takeHead();
      expect((await framesFor(server.port, octetsOf(hex))).map(codeOf)).toEqual([code]);
      other.write(masked(9, 'alive'));
      expect((await other.take(7)).toString('latin1')).toBe('\x8a\x05alive');
      // A peer cannot fill the log of a server that does not ask.
      expect(printed).not.toHaveBeenCalled();
    } finally {
      printed.mockRestore();
      await server.close({ timeout: 1 });
    }
  },
);
