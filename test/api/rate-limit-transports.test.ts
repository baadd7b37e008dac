import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SEED } from '../support/codecs.js';
import { openConnection } from '../support/connection-harness.js';
import { parseFrames } from '../support/frame-parser.js';
import { FramePeer } from '../support/frame-peer.js';
import { fragmentsFor, frameFor } from '../support/framer.js';
import { closeFrame, LONG, limit, many, settled, text, UNLIMITED } from '../support/rate-limits.js';
import { until } from '../support/servers.js';
import { memoryPair, tcpPair, tlsPair } from '../support/sockets.js';
import { turns } from '../support/waiting.js';

const TRANSPORTS: Record<string, () => Promise<{ near: Duplex; far: Duplex }>> = {
  TCP: tcpPair,
  TLS: tlsPair,
  'a stream in memory': async () => {
    const [near, far] = memoryPair();
    return { near, far };
  },
};

interface Item {
  readonly kind: 'text' | 'binary' | 'ping' | 'pong';
  readonly size: number;
  /** Sizes of fragments before the last; control frames come between them. */
  readonly fragments: readonly number[];
}

const item: fc.Arbitrary<Item> = fc.record({
  kind: fc.constantFrom('text' as const, 'text' as const, 'binary' as const, 'ping' as const, 'pong' as const),
  size: fc.oneof(fc.constant(0), fc.nat(20), fc.nat(120), fc.constant(70_000)),
  fragments: fc.oneof(fc.constant([]), fc.array(fc.oneof(fc.constant(0), fc.nat(40)), { maxLength: 6 })),
});

const OPCODES = { text: 1, binary: 2, ping: 9, pong: 10 } as const;

/** The frames of an item, and what is told of it. */
function framesOf({ kind, size, fragments }: Item, i: number) {
  const isControl = kind === 'ping' || kind === 'pong';
  const payload = Buffer.from(`${i}:`.padEnd(isControl ? Math.min(size, 125) : size, 'é').slice(0, 65_000));
  if (isControl)
    return { frames: [frameFor('server', OPCODES[kind], payload.subarray(0, 125))], told: payload.subarray(0, 125) };
  const cuts = fragments.map((cut) => Math.min(cut, payload.length)).sort((a, b) => a - b);
  const parts = [0, ...cuts].map((from, n) => payload.subarray(from, cuts[n] ?? payload.length));
  return { frames: fragmentsFor('server', OPCODES[kind], parts), told: payload };
}

const program = fc.record({
  items: fc.array(item, { minLength: 1, maxLength: 60 }),
  messages: fc.option(fc.integer({ min: 2, max: 40 }), { nil: UNLIMITED }),
  frames: fc.option(fc.integer({ min: 4, max: 40 }), { nil: UNLIMITED }),
  bytes: fc.option(fc.integer({ min: 20_000, max: 100_000 }), { nil: UNLIMITED }),
  per: fc.integer({ min: 1, max: 20 }),
  cuts: fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 8 }),
  /** After how many events the user pauses, each time. */
  pauses: fc.array(fc.nat(15), { maxLength: 5 }),
  raw: fc.boolean(),
  end: fc.constantFrom('close' as const, 'fin' as const),
});

describe.each(Object.entries(TRANSPORTS))('over %s', (_name, pair) => {
  test('all comes, in order, nothing twice, whatever the limit and whenever the user pauses', async () => {
    await fc.assert(
      fc.asyncProperty(program, async ({ items, messages, frames, bytes, per, cuts, pauses, raw, end }) => {
        const { near, far } = await pair();
        const log: string[] = [];
        const waits = [...pauses];
        let next = waits.shift() ?? UNLIMITED;
        const note = (what: string) => {
          log.push(what);
          if (--next > 0) return;
          next = waits.shift() ?? UNLIMITED;
          connection.pause();
          setTimeout(() => connection.resume(), 3);
        };
        const { connection, recorder } = openConnection(near, {
          options: { raw, rateLimit: limit({ messages, frames, bytes, per }) },
          on: {
            onMessage: (opcode, data) => note(`${opcode} ${Buffer.from(data as string).toString()}`),
            onPing: (data) => note(`9 ${data.toString()}`),
            onPong: (data) => note(`10 ${data.toString()}`),
            onFrame: (fin, opcode, payload) => note(`${fin} ${opcode} ${payload.toString('latin1')}`),
          },
        });
        const peer = new FramePeer(far);
        const sent = items.map(framesOf);
        const octets = Buffer.concat(sent.flatMap((one) => one.frames));
        for (let at = 0, i = 0; at < octets.length; at += cuts[i++ % cuts.length]) {
          peer.send(octets.subarray(at, at + cuts[i % cuts.length]));
          if (i % 3 === 0) await turns(1);
        }
        const expected = raw
          ? parseFrames(octets).map(({ fin, opcode, payload }) => `${fin} ${opcode} ${payload.toString('latin1')}`)
          : sent.map(({ told }, i) => `${OPCODES[items[i].kind]} ${told.toString()}`);
        await until(
          () => log.length >= expected.length,
          () => `${expected.length} events, of which ${log.length} came`,
        );
        expect(log).toEqual(expected);
        if (end === 'close' && !raw) peer.send(closeFrame(4000));
        far.end();
        const result = await recorder.closed();
        if (end === 'close' && !raw) expect(result.closeCode).toBe(4000);
        expect(log).toEqual(expected);
        expect(recorder.errors).toEqual([]);
        far.destroy();
      }),
      { seed: SEED, numRuns: 15, endOnFailure: true },
    );
  }, 60_000);

  test('the peer’s Close and FIN after more than it may send come after all of that', async () => {
    for (const end of ['close', 'fin']) {
      const { near, far } = await pair();
      const { recorder } = openConnection(near, { options: { rateLimit: limit({ messages: 30, per: 30 }) } });
      const peer = new FramePeer(far);
      peer.send(
        many(200, (i) => text(`${i}`)),
        ...(end === 'close' ? [closeFrame(4001)] : []),
      );
      far.end();
      expect(await recorder.closed()).toMatchObject({ closeCode: end === 'close' ? 4001 : 1006 });
      expect(recorder.messages).toEqual(Array.from({ length: 200 }, (_, i) => `${i}`));
    }
  });

  test('our close() while it is held completes at once', async () => {
    const { near, far } = await pair();
    const { connection, recorder } = openConnection(near, {
      options: { rateLimit: limit({ messages: 1, per: LONG }) },
    });
    const peer = new FramePeer(far);
    peer.send(many(2000, () => text('much')));
    await recorder.messagesReceived(1);
    await settled();
    expect(connection.isPaused).toBe(true);
    connection.close(4002);
    expect(await peer.closeCode()).toBe(4002);
    peer.send(closeFrame(4002));
    far.end();
    expect(await recorder.closed()).toMatchObject({ closeCode: 4002, wasClean: true });
    expect(recorder.messages).toHaveLength(1);
    expect(connection.isPaused).toBe(false);
  });

  test('terminate while it is held ends it', async () => {
    const { near, far } = await pair();
    const { connection, recorder } = openConnection(near, { options: { rateLimit: limit({ frames: 1, per: LONG }) } });
    new FramePeer(far).send(many(2000, () => text('much')));
    await recorder.messagesReceived(1);
    connection.terminate();
    expect(await recorder.closed()).toMatchObject({ closeCode: 1006 });
    expect(recorder.messages).toHaveLength(1);
  });
});
