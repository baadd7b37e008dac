import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DiagnosticsMessages, Opcode, prepare, ReadyState } from '../../src/index.js';
import { SEED } from '../support/codecs.js';
import { frameFor } from '../support/framer.js';
import { type Joined, nextFrame, topicServer } from '../support/subscribers.js';

const SOCKETS = 4;
const TOPICS = ['a', 'b'] as const;
const PREPARED = ['p0', 'p1'];

const who = fc.nat(SOCKETS - 1);
const topic = fc.constantFrom(...TOPICS);
const prepared = fc.constantFrom(...PREPARED);

/** What user code does in one turn. `publish` is common, so that there are runs to share, to leave and to extend. */
const act = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('publish' as const), topic, length: fc.nat(300) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('publish' as const), topic, length: fc.nat(6000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('publishFrom' as const), topic, who }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('publishPrepared' as const), topic, prepared }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('send' as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sendPrepared' as const), who, prepared }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('ping' as const), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('subscribe' as const), topic, who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unsubscribe' as const), topic, who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), who }) },
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

/** What each socket must have got, and what the server must have counted, of sockets that do as they are told. */
class Model {
  readonly got: string[][] = Array.from({ length: SOCKETS }, () => []);
  readonly subscribed = new Map(TOPICS.map((name) => [name as string, new Set<number>()]));
  readonly closed = new Set<number>();
  messages = 0;
  bytes = 0;

  give(text: string, to: Iterable<number>): number {
    let accepted = 0;
    for (const one of to) {
      if (this.closed.has(one)) continue;
      this.got[one].push(text);
      this.messages++;
      this.bytes += Buffer.byteLength(text);
      accepted++;
    }
    return accepted;
  }

  audience(name: string, except = -1): number[] {
    return [...this.subscribed.get(name)!].filter((one) => one !== except);
  }
}

/** All texts that came before the Close, or before 'the end', which is sent now. */
async function textsOf({ ws, peer }: Joined): Promise<string[]> {
  if (ws.readyState === ReadyState.Open) ws.send('the end');
  const texts: string[] = [];
  for (;;) {
    const { opcode, payload } = await nextFrame(peer);
    const text = payload.toString();
    if (opcode === Opcode.Close || text === 'the end') return texts;
    if (opcode === Opcode.Text) texts.push(text);
  }
}

interface Program {
  readonly turns: readonly (readonly Act[])[];
  /** Whether the turns are those of a socket that receives. */
  readonly handled: boolean;
  /** Whether somebody wants to hear of each message that is sent. */
  readonly isTold: boolean;
  readonly maxBackpressure: number | undefined;
}

async function play({ turns, handled, isTold, maxBackpressure }: Program): Promise<void> {
  let inTurn = () => {};
  const message = () => inTurn();
  const { server, join } = await topicServer({ message, pingInterval: 0, maxBackpressure });
  const joined: Joined[] = [];
  for (let i = 0; i < SOCKETS; i++) joined.push(await join(...TOPICS.slice(0, i === 0 ? 1 : 2)));
  const model = new Model();
  joined.forEach(({ ws }, i) => {
    for (const name of ws.topics) model.subscribed.get(name)!.add(i);
  });
  const messages = new Map(PREPARED.map((text) => [text, prepare(text)]));
  const told: string[] = [];
  const tell = (message: unknown) => void told.push(String((message as DiagnosticsMessages['wasock:send']).data));
  if (isTold) subscribe('wasock:send', tell);
  const inTurnOf = ({ peer }: Joined, run: () => void) =>
    new Promise<void>((resolve, reject) => {
      inTurn = () => {
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      };
      peer.socket.write(frameFor('server', Opcode.Text, 'go'));
    });
  let number = 0;
  const text = (length = 0) => `${number++}`.padEnd(length, '.');
  const step = (one: Act): void => {
    switch (one.kind) {
      case 'publish': {
        const data = text(one.length);
        return expect(server.publish(one.topic, data)).toBe(model.give(data, model.audience(one.topic)));
      }
      case 'publishFrom': {
        if (model.closed.has(one.who)) return;
        const data = text();
        const expected = model.give(data, model.audience(one.topic, one.who));
        return expect(joined[one.who].ws.publish(one.topic, data)).toBe(expected);
      }
      case 'publishPrepared': {
        const expected = model.give(one.prepared, model.audience(one.topic));
        return expect(server.publish(one.topic, messages.get(one.prepared)!)).toBe(expected);
      }
      case 'send': {
        const data = text();
        model.give(data, [one.who]);
        return void joined[one.who].ws.send(data)?.catch(() => {});
      }
      case 'sendPrepared':
        model.give(one.prepared, [one.who]);
        return void joined[one.who].ws.send(messages.get(one.prepared)!)?.catch(() => {});
      case 'ping':
        return void joined[one.who].ws.ping().catch(() => {});
      case 'subscribe':
        if (model.closed.has(one.who)) return;
        joined[one.who].ws.subscribe(one.topic);
        return void model.subscribed.get(one.topic)!.add(one.who);
      case 'unsubscribe':
        joined[one.who].ws.unsubscribe(one.topic);
        return void model.subscribed.get(one.topic)!.delete(one.who);
      case 'close':
        joined[one.who].ws.close(1000);
        return void model.closed.add(one.who);
    }
  };
  try {
    for (const turn of turns) {
      const run = () => turn.forEach(step);
      if (handled && !model.closed.has(0)) await inTurnOf(joined[0], run);
      else run();
      await setImmediate();
    }
    const { messagesSent, payloadBytesSent } = server.metrics();
    expect([messagesSent, payloadBytesSent]).toEqual([model.messages, model.bytes]);
    if (isTold) expect(told.length).toBe(model.messages);
    for (const [i, one] of joined.entries()) {
      expect((await textsOf(one)).join(), `socket ${i}`).toBe(model.got[i].join());
    }
  } finally {
    unsubscribe('wasock:send', tell);
    for (const { peer } of joined) peer.socket.destroy();
    await server.close({ timeout: 1 });
  }
}

describe('what is published, sent and closed in the same turns', () => {
  const program = fc.record({
    turns: fc.array(fc.array(act, { maxLength: 25 }), { maxLength: 4 }),
    handled: fc.boolean(),
    isTold: fc.boolean(),
    maxBackpressure: fc.constantFrom(undefined, 20_000),
  });

  test('reaches each subscriber once and in order, and is counted', async () => {
    await fc.assert(fc.asyncProperty(program, play), { seed: SEED, numRuns: 150 });
  });
});
