import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { newWebSocket, Opcode, prepare, ReadyState, type SlowPeer, type WebSocket } from '../../src/index.js';
import { rawWebSocket } from '../support/raw-peer.js';
import { awaiting, fillUp, until } from '../support/servers.js';
import { type Joined, nextFrame, nextText, restOf, type TopicServer, topicServer } from '../support/subscribers.js';
import { turns } from '../support/waiting.js';

const OTHERS = 120;
const MAX_BACKPRESSURE = 100_000;
const MESSAGE = 10_000;
/** A message and the header of its frame. */
const FRAME = MESSAGE + 4;

/** Message number `i`. */
const messageOf = (i: number) => `${i}`.padEnd(MESSAGE, '.');

/** Makes a socket's peer one that does not read, and the kernel full of what it does not read; less than `octets` wait then. */
async function stall({ ws, peer }: Joined, octets: number): Promise<void> {
  peer.stopReading();
  await fillUp(ws, Buffer.alloc(octets - 10));
}

/** Makes it one for which more than maxBackpressure waits. */
async function overload(joined: Joined): Promise<void> {
  await stall(joined, 1_000_000);
  while (joined.ws.bufferedAmount <= MAX_BACKPRESSURE) void joined.ws.send(messageOf(0));
}

/** Takes the next messages, and those that were sent to fill the kernel not. */
async function numbersOf({ peer }: Joined, count: number): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < count) {
    const { opcode, payload } = await nextFrame(peer);
    if (opcode === Opcode.Text) numbers.push(Number.parseInt(payload.toString(), 10));
  }
  return numbers;
}

interface Crowd {
  readonly server: TopicServer['server'];
  readonly others: readonly Joined[];
  readonly slow: Joined;
  readonly errors: readonly Error[];
  readonly closes: readonly number[];
}

/** Many subscribers of the topic `t`, and in their midst one that does not read. */
async function crowdWithOneSlow(slowPeer: SlowPeer): Promise<Crowd> {
  const closes: number[] = [];
  const { server, join, errors } = await topicServer({
    slowPeer,
    maxBackpressure: MAX_BACKPRESSURE,
    close: (_ws, closeCode) => void closes.push(closeCode),
  });
  const joined: Joined[] = [];
  for (let i = 0; i <= OTHERS; i++) joined.push(await join('t'));
  const [slow] = joined.splice(OTHERS / 2, 1);
  await stall(slow, MAX_BACKPRESSURE / 2);
  return { server, others: joined, slow, errors, closes };
}

interface Published {
  /** The numbers of the messages that were accepted for the slow one. */
  readonly accepted: number[];
  readonly leftOut: number[];
}

/**
 * Publishes messages, a few in a turn, until the slow one has been left out of 20. The others have got them all before the
 * next few are published.
 */
async function publishToAll({ server, others, slow }: Crowd, first = 0): Promise<Published> {
  const published: Published = { accepted: [], leftOut: [] };
  for (let next = first; published.leftOut.length < 20; next += 5) {
    for (let i = next; i < next + 5; i++) {
      const count = server.publish('t', messageOf(i));
      expect([OTHERS, OTHERS + 1]).toContain(count);
      (count > OTHERS ? published.accepted : published.leftOut).push(i);
      expect(slow.ws.bufferedAmount).toBeLessThanOrEqual(MAX_BACKPRESSURE + FRAME);
    }
    for (const other of others) expect(await numbersOf(other, 5)).toEqual([0, 1, 2, 3, 4].map((i) => next + i));
  }
  return published;
}

describe('one subscriber that never reads, among many: all others get every message, in order', () => {
  test("hostile.R-02: 'terminate', the default: the slow one is ended with WASOCK_SLOW_PEER, and not counted", async () => {
    const crowd = await crowdWithOneSlow('terminate');
    const { server, slow, errors, closes, others } = crowd;
    const { accepted, leftOut } = await publishToAll(crowd);
    // It took messages until more than maxBackpressure waited; the first beyond that ended it.
    expect(accepted.length).toBeGreaterThan(2);
    expect(leftOut[0]).toBe(accepted.length);
    expect(errors).toMatchObject([{ code: 'WASOCK_SLOW_PEER' }]);
    expect(await slow.ws.closed).toMatchObject({
      closeCode: 1006,
      reason: '',
      wasClean: false,
      cause: { code: 'WASOCK_SLOW_PEER' },
    });
    expect(closes).toEqual([1006]);
    expect(slow.ws.bufferedAmount).toBe(0);
    expect(slow.ws.dropped).toBe(0);
    expect(server.subscriberCount('t')).toBe(OTHERS);
    expect(server.publish('t', 'x')).toBe(OTHERS);
    for (const { ws } of others) expect([ws.dropped, ws.readyState]).toEqual([0, 1]);
  });

  test.each(['drop', 'wait'] as const)(
    'hostile.R-02: %j: what is beyond maxBackpressure is not queued, not counted, and counted in dropped',
    async (slowPeer) => {
      const crowd = await crowdWithOneSlow(slowPeer);
      const { server, slow, errors, closes, others } = crowd;
      const { accepted, leftOut } = await publishToAll(crowd);
      expect(accepted.length).toBeGreaterThan(2);
      expect(slow.ws.dropped).toBe(leftOut.length);
      expect([errors, closes]).toEqual([[], []]);
      expect(server.subscriberCount('t')).toBe(OTHERS + 1);

      // It reads again: it gets what was accepted for it, nothing else, and whatever is published from then on.
      slow.peer.readOn();
      expect(await numbersOf(slow, accepted.length)).toEqual(accepted);
      await until(() => slow.ws.bufferedAmount === 0);
      expect(server.publish('t', messageOf(4711))).toBe(OTHERS + 1);
      expect(await numbersOf(slow, 1)).toEqual([4711]);
      expect(slow.ws.dropped).toBe(leftOut.length);
      for (const { ws } of others) expect([ws.dropped, ws.readyState]).toEqual([0, 1]);
    },
  );

  test.each(['drop', 'wait'] as const)('%j: a prepared message is judged alike', async (slowPeer) => {
    const { server, slow } = await crowdWithOneSlow(slowPeer);
    const message = prepare(messageOf(0));
    while (slow.ws.bufferedAmount <= MAX_BACKPRESSURE) slow.ws.send(message);
    const before = slow.ws.bufferedAmount;
    expect(server.publish('t', message)).toBe(OTHERS);
    expect([slow.ws.bufferedAmount, slow.ws.dropped]).toEqual([before, 1]);
  });
});

describe('a single message', () => {
  test('may be larger than maxBackpressure, as it is judged before it is added', async () => {
    const { server, join } = await topicServer({ maxBackpressure: 1000 });
    const subscribers = [await join('t'), await join('t')];
    expect(server.publish('t', 'x'.repeat(3_000_000))).toBe(2);
    for (const { peer } of subscribers) expect((await nextText(peer)).length).toBe(3_000_000);
  });
});

describe('what runs when a subscriber is terminated by a publish comes behind it, and', () => {
  async function slowInTheMiddle(onError: (all: Joined[], server: TopicServer['server']) => void) {
    const all: Joined[] = [];
    const running: TopicServer = await topicServer({
      maxBackpressure: MAX_BACKPRESSURE,
      error: () => onError(all, running.server),
    });
    for (let i = 0; i < 5; i++) all.push(await running.join('t'));
    const slow = all[2];
    await overload(slow);
    return { all, server: running.server, others: all.filter((joined) => joined !== slow) };
  }

  test('may unsubscribe and subscribe: the message goes to those who had subscribed before', async () => {
    const { all, server, others } = await slowInTheMiddle((all) => {
      for (const { ws } of all) ws.unsubscribe('t');
      all[0].ws.subscribe('t');
      all[3].ws.subscribe('t');
    });
    expect(server.publish('t', 'a')).toBe(4);
    await turns(1);
    expect(server.publish('t', 'b')).toBe(2);
    expect(await Promise.all(others.map(restOf))).toEqual(['a,b', 'a', 'a,b', 'a']);
    expect(all[2].ws.topics).toEqual([]);
  });

  test('may publish: all get both messages in the same order', async () => {
    const { server, others } = await slowInTheMiddle((all, server) => {
      all[4].ws.unsubscribe('t');
      expect(server.publish('t', 'b')).toBe(3);
    });
    expect(server.publish('t', 'a')).toBe(4);
    await turns(1);
    expect(await Promise.all(others.map(restOf))).toEqual(['a,b', 'a,b', 'a,b', 'a']);
  });

  test('may close others', async () => {
    const { all, server, others } = await slowInTheMiddle((all) => all[4].ws.hangup());
    expect(server.publish('t', 'a')).toBe(4);
    await turns(1);
    expect(all[4].ws.readyState).toBe(ReadyState.Closed);
    expect(await Promise.all(others.slice(0, 3).map(restOf))).toEqual(['a', 'a', 'a']);
  });

  test('may throw', async () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => print.mockRestore());
    const failure = new Error('of the error handler');
    const { server } = await slowInTheMiddle(() => {
      throw failure;
    });
    expect(server.publish('t', 'a')).toBe(4);
    await turns(1);
    expect(print.mock.calls).toEqual([[failure]]);
  });
});

test('each socket is judged by its own policy', async () => {
  const sockets: WebSocket[] = [];
  const { upgrades, port } = await awaiting(async (request) => {
    const slowPeer = request.url?.slice(1) as SlowPeer;
    const ws = await newWebSocket(request, [], { slowPeer, maxBackpressure: MAX_BACKPRESSURE });
    ws.subscribe('t');
    sockets.push(ws);
    await ws.closed;
  });
  for (const policy of ['wait', 'terminate', 'drop']) {
    const peer = await rawWebSocket(port, {}, `/${policy}`);
    const ws = sockets[sockets.length - 1];
    await overload({ ws, peer });
  }
  const fast = await rawWebSocket(port, {}, '/drop');
  expect(upgrades.publish('t', 'x')).toBe(1);
  expect(await nextText(fast)).toBe('x');
  expect(sockets.map(({ dropped, readyState }) => [dropped, readyState === ReadyState.Open])).toEqual([
    [1, true],
    [0, false],
    [1, true],
    [0, true],
  ]);
});
