import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clockMicros } from '../../../src/net/timing/keepalive.js';
import { RoundTrips } from '../../../src/net/timing/round-trips.js';
import { SEED } from '../../support/codecs.js';

const bytes = (text: string) => Buffer.from(text);

/** A Ping that has left. */
function sent(trips: RoundTrips, payload: string | null) {
  const ping = trips.sent(payload === null ? null : bytes(payload));
  trips.onLeft();
  return { payload: ping.payload, state: stateOf(ping.answered) };
}

/** What has become of a promise. */
function stateOf(promise: Promise<number>): { settled: 'no' | 'answered' | 'rejected'; value: unknown } {
  const state = { settled: 'no' as 'no' | 'answered' | 'rejected', value: undefined as unknown };
  promise.then(
    (value) => Object.assign(state, { settled: 'answered', value }),
    (error) => Object.assign(state, { settled: 'rejected', value: error }),
  );
  return state;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a Ping without data', () => {
  test('is empty, unless an empty one is on its way: then it is a number that no other has', () => {
    const trips = new RoundTrips(0);
    expect(sent(trips, null).payload).toEqual(bytes(''));
    expect(sent(trips, '\0\0\0\x02').payload).toHaveLength(4);
    expect(sent(trips, null).payload.toString('hex')).toBe('00000001');
    expect(sent(trips, null).payload.toString('hex')).toBe('00000003');
    trips.onPong(bytes(''));
    expect(sent(trips, null).payload).toEqual(bytes(''));
  });

  test('is a number if the empty one on its way is of the keepalive', () => {
    expect(sent(new RoundTrips(clockMicros()), null).payload).toHaveLength(4);
    const trips = new RoundTrips(0);
    trips.sentByKeepalive();
    expect(sent(trips, null).payload).toHaveLength(4);
  });
});

describe('a Pong', () => {
  test('answers the Ping with its payload, and those before it (§5.5.3)', async () => {
    const trips = new RoundTrips(0);
    const [a, b, c] = ['a', 'b', 'c'].map((payload) => sent(trips, payload).state);
    expect(trips.onPong(bytes('b'))).toBeGreaterThanOrEqual(0);
    await settled();
    expect([a, b, c].map((each) => each.settled)).toEqual(['answered', 'answered', 'no']);
    expect(trips.onPong(bytes('a'))).toBe(-1);
  });

  test('answers the first of equal ones', async () => {
    const trips = new RoundTrips(0);
    const [first, second] = [sent(trips, 'x').state, sent(trips, 'x').state];
    trips.onPong(bytes('x'));
    await settled();
    expect([first.settled, second.settled]).toEqual(['answered', 'no']);
    trips.onPong(bytes('x'));
    await settled();
    expect(second.settled).toBe('answered');
  });

  test('that nobody asked for answers nothing', () => {
    const trips = new RoundTrips(0);
    expect(trips.onPong(bytes(''))).toBe(-1);
    sent(trips, 'a');
    expect(trips.onPong(bytes(''))).toBe(-1);
    expect(trips.onPong(bytes('A'))).toBe(-1);
  });

  test('of the keepalive goes to its Ping, although a later one is empty, too', async () => {
    const trips = new RoundTrips(clockMicros());
    const { state } = sent(trips, '');
    trips.onPong(bytes(''));
    await settled();
    expect(state.settled).toBe('no');
    trips.onPong(bytes(''));
    await settled();
    expect(state.settled).toBe('answered');
  });

  test('for a later Ping answers that of the keepalive, so that its next one starts anew', () => {
    const trips = new RoundTrips(clockMicros() - 9_000_000);
    sent(trips, 'a');
    expect(trips.onPong(bytes('a'))).toBeLessThan(9_000_000);
    trips.sentByKeepalive();
    expect(trips.onPong(bytes(''))).toBeLessThan(9_000_000);
  });

  test('of the keepalive answers a Ping before it', async () => {
    const trips = new RoundTrips(0);
    const { state } = sent(trips, 'a');
    trips.sentByKeepalive();
    trips.onPong(bytes(''));
    await settled();
    expect(state.settled).toBe('answered');
  });

  test('does not answer a Ping that has not left', async () => {
    const trips = new RoundTrips(0);
    const state = stateOf(trips.sent(bytes('a')).answered);
    trips.sentByKeepalive();
    expect(trips.onPong(bytes('a'))).toBe(-1);
    expect(trips.onPong(bytes(''))).toBeGreaterThanOrEqual(0);
    await settled();
    expect(state.settled).toBe('no');
    trips.onLeft();
    expect(trips.onPong(bytes('a'))).toBeGreaterThanOrEqual(0);
  });
});

test('Pings of the keepalive that nobody answers take no memory', () => {
  const trips = new RoundTrips(0);
  for (let i = 0; i < 1000; i++) trips.sentByKeepalive();
  expect(trips.onPong(bytes(''))).toBeGreaterThanOrEqual(0);
  expect(trips.onPong(bytes(''))).toBe(-1);
});

test('the milliseconds are those since the call, to the microsecond', async () => {
  const trips = new RoundTrips(0);
  const before = performance.now();
  const { state } = sent(trips, 'a');
  while (performance.now() < before + 5);
  const micros = trips.onPong(bytes('a'));
  await settled();
  expect(state.value).toBe(micros / 1000);
  expect(state.value).toBeGreaterThan(4.9);
});

test('the end of the connection rejects all that wait, once', async () => {
  const trips = new RoundTrips(clockMicros());
  const states = [sent(trips, 'a').state, stateOf(trips.sent(null).answered)];
  const error = new Error('over');
  trips.reject(error);
  trips.reject(new Error('again'));
  await settled();
  expect(states).toEqual([
    { settled: 'rejected', value: error },
    { settled: 'rejected', value: error },
  ]);
  expect(trips.onPong(bytes('a'))).toBe(-1);
});

test('any program of Pings and Pongs answers what a plain list says', async () => {
  const step = fc.oneof(
    fc.record({
      act: fc.constant('ping' as const),
      payload: fc.constantFrom('a', 'b', '', null),
      leaves: fc.boolean(),
    }),
    fc.record({ act: fc.constant('leaves' as const) }),
    fc.record({ act: fc.constant('keepalive' as const) }),
    fc.record({ act: fc.constant('pong' as const), of: fc.nat(8), payload: fc.constantFrom('a', '', 'nobody', null) }),
  );
  interface Ping {
    readonly payload: string;
    readonly state: ReturnType<typeof stateOf> | null;
  }
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const trips = new RoundTrips(0);
      const onTheWay: Ping[] = [];
      const waiting: Ping[] = [];
      const all: { state: ReturnType<typeof stateOf>; expected: 'no' | 'answered' }[] = [];
      const leave = () => {
        const next = waiting.shift();
        if (next === undefined) return;
        trips.onLeft();
        onTheWay.push(next);
      };
      for (const one of steps) {
        if (one.act === 'ping') {
          const { payload, answered } = trips.sent(one.payload === null ? null : bytes(one.payload));
          const ping = { payload: payload.toString('latin1'), state: stateOf(answered) };
          if (one.payload === null) {
            const others = [...onTheWay, ...waiting].map((other) => other.payload);
            expect(others).not.toContain(ping.payload);
          }
          all.push({ state: ping.state, expected: 'no' });
          waiting.push(ping);
          if (one.leaves) while (waiting.length > 0) leave();
        } else if (one.act === 'leaves') leave();
        else if (one.act === 'keepalive') {
          trips.sentByKeepalive();
          if (!onTheWay.some(({ state }) => state === null)) onTheWay.push({ payload: '', state: null });
        } else {
          const payload = one.payload ?? onTheWay[one.of]?.payload ?? 'none';
          const index = onTheWay.findIndex((ping) => ping.payload === payload);
          expect(trips.onPong(Buffer.from(payload, 'latin1')) >= 0).toBe(index >= 0);
          for (const { state } of onTheWay.splice(0, index + 1)) {
            const entry = all.find((each) => each.state === state);
            if (entry !== undefined) entry.expected = 'answered';
          }
        }
        await settled();
        for (const { state, expected } of all) expect(state.settled).toBe(expected);
      }
    }),
    { seed: SEED },
  );
});
