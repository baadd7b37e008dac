import { expect, test } from 'vitest';
import { AutoPongs } from '../../../src/ws/wire/wire-sender.js';

/** What is appended leaves with `flush`, unless the kernel takes nothing. */
function makeOutput() {
  const output = {
    departed: 0,
    bufferedAmount: 0,
    flushes: 0,
    isBlocked: false,
    get appended() {
      return output.departed + output.bufferedAmount;
    },
    append: () => {
      output.bufferedAmount += 6;
    },
    flush: () => {
      output.flushes++;
      if (output.isBlocked) return;
      output.departed += output.bufferedAmount;
      output.bufferedAmount = 0;
    },
  };
  return output;
}

function answer(pongs: AutoPongs, output: ReturnType<typeof makeOutput>): boolean {
  if (!pongs.makeRoom()) return false;
  pongs.send(false, output.append);
  return true;
}

test('as many wait as may; those that the kernel takes do not count', () => {
  const output = makeOutput();
  const pongs = new AutoPongs(output, 3);
  for (let i = 0; i < 100; i++) expect(answer(pongs, output)).toBe(true);
  expect(output.flushes).toBe(33);
});

test('one more than may wait is refused if the kernel takes none', () => {
  const output = makeOutput();
  const pongs = new AutoPongs(output, 3);
  output.isBlocked = true;
  expect([1, 2, 3, 4].map(() => answer(pongs, output))).toEqual([true, true, true, false]);
  output.isBlocked = false;
  expect(answer(pongs, output)).toBe(true);
});

test('0 is unlimited', () => {
  const output = makeOutput();
  const pongs = new AutoPongs(output, 0);
  output.isBlocked = true;
  for (let i = 0; i < 1000; i++) expect(answer(pongs, output)).toBe(true);
  expect(output.flushes).toBe(0);
});

test('a Pong that has to wait for other frames counts until it has left', () => {
  const output = makeOutput();
  const pongs = new AutoPongs(output, 2);
  const sent: (() => void)[] = [];
  for (let i = 0; i < 2; i++) {
    expect(pongs.makeRoom()).toBe(true);
    pongs.send(true, (callback) => sent.push(callback as () => void));
  }
  expect(pongs.makeRoom()).toBe(false);
  sent[0]();
  expect(pongs.makeRoom()).toBe(true);
});
