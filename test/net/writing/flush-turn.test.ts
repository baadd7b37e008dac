import { beforeEach, describe, expect, test } from 'vitest';
import { beginTurn, flushAtEndOfTurn, forgetTurns, isDueEarly } from '../../../src/net/writing/flush-turn.js';
import { FIN, Opcode } from '../../../src/protocol/opcode.js';
import { parseFrames } from '../../support/frame-parser.js';
import { endOfTurn, makeOutbox } from '../../support/outbox-harness.js';

test('all are flushed at the end of the turn, in order, and once', async () => {
  const log: string[] = [];
  const flushable = (name: string, also = () => {}) => ({
    flush() {
      log.push(name);
      also();
    },
  });
  const late = flushable('late');
  flushAtEndOfTurn(flushable('one', () => flushAtEndOfTurn(late)));
  flushAtEndOfTurn(flushable('two'));
  expect(log).toEqual([]);
  await endOfTurn();
  await endOfTurn();
  expect(log).toEqual(['one', 'two', 'late']);
});

/** Behind which of `count` frames of a turn those that wait leave early. */
const dueBehind = (count: number) => Array.from({ length: count }, (_, i) => i + 1).filter(() => isDueEarly());

/** Ends whatever was before. */
beforeEach(() => beginTurn({}));

describe('a connection that had the turn before, too', () => {
  const one = {};
  const other = {};

  test('answers early, in writes of more and more frames', () => {
    beginTurn(one);
    expect(dueBehind(20)).toEqual([]);
    beginTurn(one);
    expect(dueBehind(30)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27]);
    beginTurn(one);
    expect(dueBehind(5)).toEqual([1, 2, 3, 4, 5]);
  });

  test('is alone no more once another has had the turn', () => {
    beginTurn(one);
    beginTurn(other);
    beginTurn(one);
    expect(dueBehind(20)).toEqual([]);
  });

  test('is forgotten when it is closed', () => {
    beginTurn(one);
    forgetTurns(other);
    beginTurn(one);
    expect(dueBehind(1)).toEqual([1]);
    forgetTurns(one);
    beginTurn(one);
    expect(dueBehind(1)).toEqual([]);
  });
});

describe('the outbox', () => {
  const TEXT = FIN | Opcode.Text;
  const turn = ({ outbox }: ReturnType<typeof makeOutbox>, frames: number) => {
    outbox.hold();
    for (let i = 0; i < frames; i++) outbox.append(TEXT, `${i}`);
    outbox.release();
  };
  const writesOf = ({ transport }: ReturnType<typeof makeOutbox>) =>
    transport.written.splice(0).map((octets) => parseFrames(octets).length);

  test('of one busy connection writes early, in order; what is left leaves at the end', () => {
    const lone = makeOutbox();
    turn(lone, 16);
    expect(writesOf(lone)).toEqual([16]);
    turn(lone, 16);
    const { octets } = lone.transport;
    expect(parseFrames(octets).map(({ payload }) => String(payload))).toEqual(
      Array.from({ length: 16 }, (_, i) => `${i}`),
    );
    expect(writesOf(lone)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 1]);
    turn(lone, 1);
    expect(writesOf(lone)).toEqual([1]);
  });

  test('of several busy connections write once a turn', () => {
    const many = [makeOutbox(), makeOutbox()];
    for (let round = 0; round < 3; round++) for (const one of many) turn(one, 16);
    expect(many.map(writesOf)).toEqual([
      [16, 16, 16],
      [16, 16, 16],
    ]);
  });

  test('over a stream in memory writes once a turn, as each write may call back', () => {
    const inMemory = makeOutbox({ releasesMemory: false });
    turn(inMemory, 4);
    turn(inMemory, 4);
    expect(writesOf(inMemory)).toEqual([4, 4]);
  });

  test('of a peer that does not read writes nothing more', () => {
    const lone = makeOutbox();
    turn(lone, 4);
    expect(writesOf(lone)).toEqual([4]);
    lone.transport.takesWhole = false;
    turn(lone, 8);
    expect(writesOf(lone)).toEqual([]);
    lone.transport.takesWhole = true;
    lone.transport.complete();
    expect(writesOf(lone)).toEqual([1, 7]);
  });
});
