import { expect, test } from 'vitest';
import { flushAtEndOfTurn } from '../../../src/net/writing/flush-turn.js';
import { endOfTurn } from '../../support/outbox-harness.js';

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
