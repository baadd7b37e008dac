import { afterEach, describe, expect, test } from 'vitest';
import { FRAME_ROWS, WINDOW_START } from '../../../src/codec/memory-map.js';
import { codec } from '../../../src/codec/select.js';
import { Inbox, type InboxEvents, RESERVE_BYTES } from '../../../src/net/reading/inbox.js';
import { claimWindow, releaseWindow, windowIsClaimed } from '../../../src/net/transport/receive-window.js';
import { FakeTransport } from '../../support/fake-transport.js';
import { frameFor } from '../../support/framer.js';
import { heldMemory } from '../../support/memory.js';
import { DEFAULT_OPTIONS } from '../../support/receiver-harness.js';
import { turns, until } from '../../support/waiting.js';

afterEach(releaseWindow);

/** A transport that knows whether it is read. */
class ReadTransport extends FakeTransport {
  reading = false;
  /** What it hands over while it starts. */
  onStart: () => void = () => {};
  override start(): void {
    this.onStart();
    this.reading = true;
  }
  override resume(): void {
    this.reading = true;
  }
}

function makeInbox(onMessage: (data: string, inbox: Inbox) => void = () => {}, answersWhilePaused = true) {
  const messages: string[] = [];
  const log: string[] = [];
  const transport = new ReadTransport();
  const events: InboxEvents = {
    answersWhilePaused,
    onBatchBegin: () => inbox.onBatchBegin(),
    onFragment: () => {},
    onMessage(_opcode, data) {
      messages.push(data.toString());
      onMessage(data.toString(), inbox);
      inbox.countMessage();
    },
    onControl(opcode) {
      log.push(`control ${opcode}`);
    },
    onFrame() {},
    onLongMessage: (message) => inbox.inflateOn(message),
    onFault() {
      log.push('fault');
    },
    onRead() {},
    onTurnBegin: () => void log.push('begin'),
    onTurnEnd: () => void log.push('end'),
    onInputEnd: () => void log.push('input end'),
    onInputClose: () => void log.push('input close'),
    onThrow: (error: unknown) => void log.push(`throw ${error}`),
    runInAsyncScope: (act) => act(),
  };
  const inbox: Inbox = new Inbox(transport, events, DEFAULT_OPTIONS);
  /** What a transport does that somebody has made read, whatever it was told before. */
  const chunk = (octets: Buffer) => {
    transport.reading = inbox.onChunk(octets);
  };
  return { inbox, transport, messages, log, chunk };
}

type Made = ReturnType<typeof makeInbox>;

/** @returns whether `resume` was called since */
function observeResume(transport: ReadTransport): () => boolean {
  let resumed = false;
  transport.resume = () => {
    resumed = true;
    transport.reading = true;
  };
  return () => resumed;
}

const frames = (from: number, to: number) =>
  Buffer.concat(Array.from({ length: to - from }, (_, i) => frameFor('server', 1, `${from + i}`)));
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`);

/** As `chunk`, of a transport whose socket reads into the window. */
function readIntoWindow({ inbox, transport }: Made, octets: Buffer): void {
  octets.copy(codec.bytes, WINDOW_START);
  transport.reading = inbox.onWindow(octets.length);
  codec.bytes.fill(0xaa, WINDOW_START, WINDOW_START + octets.length);
}

describe.each([
  ['the window', readIntoWindow],
  ['a chunk', ({ chunk }: Made, octets: Buffer) => chunk(octets)],
])('a read into %s', (_name, read) => {
  test('is handled within the call', () => {
    const made = makeInbox();
    const { inbox, messages, log } = made;
    inbox.start();
    read(made, frames(0, 5));
    expect(messages).toEqual(numbers(0, 5));
    expect(log).toEqual(['begin', 'end']);
    expect(windowIsClaimed()).toBe(false);
  });

  test(`of more than ${FRAME_ROWS} frames is handled in as many turns`, async () => {
    const made = makeInbox();
    const { inbox, transport, messages, log } = made;
    inbox.start();
    read(made, frames(0, 300));
    // Fewer on a machine that is busy with something else: a turn is limited in time, too.
    expect(messages.length).toBeLessThanOrEqual(FRAME_ROWS);
    await until(() => messages.length === 300);
    expect(messages).toEqual(numbers(0, 300));
    expect(log.length).toBeGreaterThanOrEqual(6);
    expect(log.join(' ')).toMatch(/^begin end( begin end)+$/);
    await turns(2);
    expect(transport.reading).toBe(true);
  });

  test('stops before the next frame when a callback pauses, and goes on in order', async () => {
    const made = makeInbox((data, self) => {
      if (data === '3' || data === '7') self.pause();
    });
    const { inbox, transport, messages } = made;
    inbox.start();
    read(made, frames(0, 10));
    // On a busy machine it takes several turns.
    await until(() => messages.length >= 4);
    await turns();
    expect(messages).toEqual(numbers(0, 4));
    expect([transport.reading, inbox.isPaused]).toEqual([true, true]);
    inbox.resume();
    await until(() => messages.length === 8);
    await turns();
    expect(messages).toEqual(numbers(0, 8));
    inbox.resume();
    await until(() => messages.length === 10);
    await turns(2);
    expect(messages).toEqual(numbers(0, 10));
    expect(transport.reading).toBe(true);
  });

  test('that a callback pauses and resumes at once is handled to its end', async () => {
    const made = makeInbox((_data, self) => {
      self.pause();
      self.resume();
    });
    const { inbox, messages } = made;
    inbox.start();
    read(made, frames(0, 5));
    await until(() => messages.length === 5);
    expect(messages).toEqual(numbers(0, 5));
  });

  test('whose callback throws ends the turn, releases the window and reports the error once', () => {
    const made = makeInbox((data) => {
      if (data === '2') throw new Error('mine');
    });
    const { inbox, messages, log } = made;
    inbox.start();
    read(made, frames(0, 5));
    expect(messages).toEqual(numbers(0, 3));
    expect(log).toEqual(['begin', 'throw Error: mine', 'end']);
    expect(windowIsClaimed()).toBe(false);
  });

  test('while paused waits; the transport is told to stop when 64 KiB do, and reads on when they are handled', async () => {
    const made = makeInbox();
    const { inbox, transport, messages, log } = made;
    inbox.start();
    inbox.pause();
    const texts = Array.from({ length: 9 }, (_, i) => `${i}`.repeat(8000));
    for (const [i, text] of texts.entries()) {
      read(made, frameFor('server', 1, text));
      expect(transport.reading).toBe((i + 1) * 8008 < RESERVE_BYTES);
    }
    expect(inbox.receivedBytes).toBe(9 * 8008);
    await turns();
    expect([messages.length, transport.reading, log]).toEqual([0, false, expect.not.arrayContaining(['control 9'])]);
    inbox.resume();
    await until(() => messages.length === 9);
    expect(messages).toEqual(texts);
    await until(() => transport.reading);
  });

  test('that somebody brings about while others wait, or the inbox is paused, comes after these, and stops again', async () => {
    const made = makeInbox((data, self) => {
      if (data === '5') self.pause();
    });
    const { inbox, transport, messages } = made;
    inbox.start();
    read(made, frames(0, 200));
    read(made, frames(200, 400));
    for (let i = 0; i < 100; i++) read(made, frames(400 + 200 * i, 600 + 200 * i));
    expect(transport.reading).toBe(false);
    await turns();
    expect(messages).toEqual(numbers(0, 6));
    inbox.resume();
    read(made, frames(20_400, 20_500));
    await until(() => messages.length === 20_500);
    expect(messages).toEqual(numbers(0, 20_500));
  });

  test('while paused hands over the control frames that come before the next message', async () => {
    const made = makeInbox();
    const { inbox, messages, log } = made;
    inbox.start();
    inbox.pause();
    const ping = frameFor('server', 9, 'are you there?');
    read(made, ping.subarray(0, 5));
    await turns();
    expect(log).not.toContain('control 9');
    read(made, Buffer.concat([ping.subarray(5), frameFor('server', 10), frames(0, 3), frameFor('server', 8)]));
    await turns();
    expect(log.filter((entry) => entry.startsWith('control'))).toEqual(['control 9', 'control 10']);
    read(made, frameFor('server', 9));
    await turns();
    expect([messages.length, log.includes('control 8')]).toEqual([0, false]);
    inbox.resume();
    await until(() => log.includes('control 8'));
    expect(messages).toEqual(numbers(0, 3));
  });

  test.each([1, 5, 9, 12])(
    'while paused hands over a control frame that was cut before the pause, at %d',
    async (cut) => {
      const made = makeInbox();
      const { inbox, messages, log } = made;
      inbox.start();
      const ping = frameFor('server', 9, 'cut in two');
      read(made, Buffer.concat([frames(0, 1), ping.subarray(0, cut)]));
      inbox.pause();
      read(made, ping.subarray(cut, cut + 1));
      read(made, Buffer.concat([ping.subarray(cut + 1), frameFor('server', 8), frames(1, 2)]));
      await until(() => log.includes('control 8'));
      expect(log.filter((entry) => entry.startsWith('control'))).toEqual(['control 9', 'control 8']);
      inbox.resume();
      await until(() => messages.length === 2);
      expect(messages).toEqual(['0', '1']);
    },
  );

  test('while paused hands over more control frames than one turn handles, and those that waited before', async () => {
    const made = makeInbox();
    const { inbox, messages, log } = made;
    inbox.start();
    read(made, Buffer.concat([...Array.from({ length: 300 }, () => frameFor('server', 9)), frames(0, 2)]));
    inbox.pause();
    await until(() => log.filter((entry) => entry === 'control 9').length === 300);
    await turns();
    expect(messages).toEqual([]);
    inbox.resume();
    await until(() => messages.length === 2);
  });

  test('while paused within a message in fragments hands over what stands between them', async () => {
    const made = makeInbox();
    const { inbox, messages, log } = made;
    inbox.start();
    read(made, frameFor('server', 1, 'first ', { fin: false }));
    inbox.pause();
    read(made, Buffer.concat([frameFor('server', 9), frameFor('server', 0, 'last'), frameFor('server', 10)]));
    await until(() => log.includes('control 9'));
    await turns();
    expect([messages, log.includes('control 10')]).toEqual([[], false]);
    inbox.resume();
    await until(() => log.includes('control 10'));
    expect(messages).toEqual(['first last']);
  });

  test('while paused within a data frame, or its header, waits as a whole', async () => {
    for (const cut of [1, 4, 20]) {
      const made = makeInbox();
      const { inbox, messages, log } = made;
      inbox.start();
      const frame = frameFor('server', 1, 'x'.repeat(100));
      read(made, frame.subarray(0, cut));
      inbox.pause();
      read(made, Buffer.concat([frame.subarray(cut), frameFor('server', 9)]));
      await turns();
      expect([messages.length, log.includes('control 9')]).toEqual([0, false]);
      inbox.resume();
      await until(() => log.includes('control 9'));
      expect(messages).toEqual(['x'.repeat(100)]);
    }
  });

  test('of which part waits is handled before what a callback has brought', async () => {
    const made = makeInbox((data, self) => {
      if (data === '0') self.onChunk(frames(300, 302));
    });
    made.inbox.start();
    read(made, frames(0, 300));
    await until(() => made.messages.length === 302);
    expect(made.messages).toEqual(numbers(0, 302));
  });

  test('while paused hands over no control frame where that is not wanted', async () => {
    const made = makeInbox(() => {}, false);
    const { inbox, log } = made;
    inbox.start();
    inbox.pause();
    read(made, frameFor('server', 9));
    await turns();
    expect(log).not.toContain('control 9');
    inbox.resume();
    await until(() => log.includes('control 9'));
  });

  test('of callbacks that take 20 ms each ends after the first; after quick ones at most 16 are not counted', async () => {
    const made = makeInbox((data) => {
      const end = performance.now() + (Number(data) < 40 ? 0 : 20);
      while (performance.now() < end);
    });
    const { inbox, messages } = made;
    inbox.start();
    read(made, frames(40, 44));
    expect(messages).toHaveLength(1);
    await until(() => messages.length === 4);
    read(made, frames(0, 60));
    expect(messages.length).toBeLessThanOrEqual(4 + 40 + 16);
    await until(() => messages.length === 64);
  });

  test('of slow callbacks ends the turn after a while, and loses nothing', async () => {
    const made = makeInbox(() => {
      const end = performance.now() + 1;
      while (performance.now() < end);
    });
    const { inbox, messages } = made;
    inbox.start();
    read(made, frames(0, 64));
    expect(messages.length).toBeLessThan(64);
    await until(() => messages.length === 64);
    expect(messages).toEqual(numbers(0, 64));
  });
});

describe('chunks', () => {
  test('wait while another connection walks the window, and are handled in order behind', async () => {
    const { inbox, transport, messages, chunk } = makeInbox();
    inbox.start();
    claimWindow();
    chunk(frames(0, 3));
    chunk(frames(3, 5));
    expect([messages.length, transport.reading]).toEqual([0, true]);
    releaseWindow();
    chunk(frames(5, 6));
    await until(() => messages.length === 6);
    expect(messages).toEqual(numbers(0, 6));
  });

  test('that come while a callback runs wait behind what is being handled', async () => {
    const { inbox, messages, chunk } = makeInbox((data, self) => {
      if (data === '0') self.onChunk(frames(2, 4));
    });
    inbox.start();
    chunk(frames(0, 2));
    expect(messages).toEqual(numbers(0, 2));
    await until(() => messages.length === 4);
    expect(messages).toEqual(numbers(0, 4));
  });

  test('before start are handled, and if much of them waits, the transport does not read', async () => {
    const { inbox, transport, messages, chunk } = makeInbox();
    const texts = numbers(0, 200).map((number) => number.padEnd(1000));
    chunk(Buffer.concat(texts.map((text) => frameFor('server', 1, text))));
    expect(messages.length).toBeLessThanOrEqual(FRAME_ROWS);
    const resumed = observeResume(transport);
    inbox.start();
    expect(resumed()).toBe(false);
    await until(() => messages.length === 200 && resumed());
    expect(messages).toEqual(texts);
  });

  test('that a transport hands over while it starts come in order', async () => {
    const { inbox, transport, messages, chunk } = makeInbox();
    transport.onStart = () => {
      chunk(frames(0, 200));
      chunk(frames(200, 210));
    };
    inbox.start();
    expect(messages.length).toBeLessThanOrEqual(FRAME_ROWS);
    await until(() => messages.length === 210);
    expect(messages).toEqual(numbers(0, 210));
  });

  test('of a byte each, while paused, cost no more memory than one', async () => {
    const { inbox, messages, chunk } = makeInbox();
    inbox.start();
    inbox.pause();
    const octets = frameFor('server', 1, 'x'.repeat(50_000));
    const before = heldMemory().arrayBuffers;
    for (const octet of octets) chunk(Buffer.of(octet));
    expect(heldMemory().arrayBuffers - before).toBeLessThan(2 * octets.length);
    inbox.resume();
    await until(() => messages.length === 1);
    expect(messages).toEqual(['x'.repeat(50_000)]);
  });

  test('larger than what is copied at once are handled to their end', async () => {
    const { inbox, messages, chunk } = makeInbox();
    inbox.start();
    const texts = Array.from({ length: 5 }, (_, i) => `${i}`.repeat(50_000));
    chunk(Buffer.concat(texts.map((text) => frameFor('server', 1, text))));
    await until(() => messages.length === 5);
    expect(messages).toEqual(texts);
  });
});

describe('the end of the input', () => {
  test('is told at once when nothing waits', () => {
    const { inbox, log } = makeInbox();
    inbox.start();
    inbox.onEnd();
    expect(log).toEqual(['input end']);
  });

  test('comes behind the frames that wait', async () => {
    const { inbox, messages, log, chunk } = makeInbox();
    inbox.start();
    chunk(frames(0, 300));
    inbox.onEnd();
    expect(log).not.toContain('input end');
    await until(() => log.includes('input end'));
    expect(messages).toEqual(numbers(0, 300));
    expect(log.filter((entry) => entry === 'input end')).toHaveLength(1);
    expect(log.at(-1)).toBe('input end');
  });

  test('waits for resume when frames wait because of a pause', async () => {
    const { inbox, messages, log, chunk } = makeInbox((data, self) => {
      if (data === '0') self.pause();
    });
    inbox.start();
    chunk(frames(0, 3));
    inbox.onEnd();
    await turns();
    expect(log).not.toContain('input end');
    inbox.resume();
    await until(() => log.includes('input end'));
    expect(messages).toEqual(numbers(0, 3));
  });
});

describe('the end of what there is', () => {
  test('isEmpty tells whether all is handled', async () => {
    const { inbox, messages, chunk } = makeInbox();
    inbox.start();
    expect(inbox.isEmpty).toBe(true);
    inbox.pause();
    chunk(frames(0, 3));
    expect(inbox.isEmpty).toBe(false);
    inbox.resume();
    await until(() => inbox.isEmpty);
    expect(messages).toEqual(numbers(0, 3));
  });

  test('the close of the transport is told once all that came before it is handled, in turns', async () => {
    const { inbox, messages, log, chunk } = makeInbox();
    inbox.start();
    chunk(frames(0, 300));
    inbox.onEnd();
    inbox.onClose();
    expect(messages.length).toBeLessThanOrEqual(FRAME_ROWS);
    await until(() => log.includes('input close'));
    expect(messages).toEqual(numbers(0, 300));
    expect(log.slice(-2)).toEqual(['end', 'input close']);
    expect(log).not.toContain('input end');
  });

  test('the close of the transport is told after resume if something waits because of a pause, and else at once', async () => {
    const { inbox, messages, log, chunk } = makeInbox();
    inbox.start();
    inbox.pause();
    chunk(frames(0, 300));
    inbox.onClose();
    await turns();
    expect([messages, log.includes('input close')]).toEqual([[], false]);
    inbox.resume();
    await until(() => log.includes('input close'));
    expect(messages).toEqual(numbers(0, 300));

    const other = makeInbox();
    other.inbox.start();
    other.inbox.pause();
    other.inbox.onClose();
    expect(other.log).toEqual(['input close']);
  });

  test('what is discarded keeps no end back', async () => {
    const { inbox, messages, log, chunk } = makeInbox();
    inbox.start();
    inbox.pause();
    chunk(frames(0, 3));
    inbox.onClose();
    inbox.discard();
    await until(() => log.includes('input close'));
    expect(messages).toEqual([]);
    expect(inbox.isEmpty).toBe(true);
  });

  test('options that are changed hold from the next message on', () => {
    const { inbox, log, chunk } = makeInbox();
    inbox.start();
    chunk(frameFor('server', 1, 'longer'));
    inbox.options = { ...DEFAULT_OPTIONS, maxPayload: 3 };
    expect(log).not.toContain('fault');
    chunk(frameFor('server', 1, 'longer'));
    expect(log).toContain('fault');
  });
});
