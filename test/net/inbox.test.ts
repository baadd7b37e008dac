import { afterEach, describe, expect, test } from 'vitest';
import { FRAME_ROWS, WINDOW_START } from '../../src/codec/memory-map.js';
import { codec } from '../../src/codec/select.js';
import { Inbox } from '../../src/net/inbox.js';
import { claimWindow, releaseWindow, windowIsClaimed } from '../../src/net/receive-window.js';
import { FakeTransport } from '../support/fake-transport.js';
import { frameFor } from '../support/framer.js';
import { DEFAULT_OPTIONS } from '../support/receiver-harness.js';
import { turns, until } from '../support/waiting.js';

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
  override pause(): void {
    this.reading = false;
  }
  override resume(): void {
    this.reading = true;
  }
}

function makeInbox(onMessage: (data: string, inbox: Inbox) => void = () => {}) {
  const messages: string[] = [];
  const log: string[] = [];
  const transport = new ReadTransport();
  const sink = {
    onMessage(_opcode: number, data: string | Buffer) {
      messages.push(data.toString());
      inbox.countMessage();
      onMessage(data.toString(), inbox);
    },
    onControl() {},
    onFrame() {},
    onFault() {
      log.push('fault');
    },
  };
  const events = {
    ...sink,
    onTurnBegin: () => void log.push('begin'),
    onTurnEnd: () => void log.push('end'),
    onInputEnd: () => void log.push('input end'),
    onThrow: (error: unknown) => void log.push(`throw ${error}`),
  };
  const inbox: Inbox = new Inbox(transport, events, DEFAULT_OPTIONS);
  return { inbox, transport, messages, log };
}

const frames = (from: number, to: number) =>
  Buffer.concat(Array.from({ length: to - from }, (_, i) => frameFor('server', 1, `${from + i}`)));
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`);

/** What a transport does whose socket reads into the window. */
function readIntoWindow(inbox: Inbox, octets: Buffer): void {
  octets.copy(codec.bytes, WINDOW_START);
  inbox.onWindow(octets.length);
  codec.bytes.fill(0xaa, WINDOW_START, WINDOW_START + octets.length);
}

describe.each([
  ['the window', readIntoWindow],
  ['a chunk', (inbox: Inbox, octets: Buffer) => inbox.onChunk(octets)],
])('a read into %s', (_name, read) => {
  test('is handled within the call', () => {
    const { inbox, messages, log } = makeInbox();
    inbox.start();
    read(inbox, frames(0, 5));
    expect(messages).toEqual(numbers(0, 5));
    expect(log).toEqual(['begin', 'end']);
    expect(windowIsClaimed()).toBe(false);
  });

  test(`of more than ${FRAME_ROWS} frames is handled in as many turns; the transport does not read meanwhile`, async () => {
    const { inbox, transport, messages, log } = makeInbox();
    inbox.start();
    read(inbox, frames(0, 300));
    // Fewer on a machine that is busy with something else: a turn is limited in time, too.
    expect(messages.length).toBeLessThanOrEqual(FRAME_ROWS);
    expect(transport.reading).toBe(false);
    await until(() => messages.length === 300);
    expect(messages).toEqual(numbers(0, 300));
    expect(log.length).toBeGreaterThanOrEqual(6);
    expect(log.join(' ')).toMatch(/^begin end( begin end)+$/);
    await turns(2);
    expect(transport.reading).toBe(true);
  });

  test('stops before the next frame when a callback pauses, and goes on in order', async () => {
    const { inbox, transport, messages } = makeInbox((data, self) => {
      if (data === '3' || data === '7') self.pause();
    });
    inbox.start();
    read(inbox, frames(0, 10));
    expect(messages).toEqual(numbers(0, 4));
    await turns();
    expect([messages.length, transport.reading, inbox.isPaused]).toEqual([4, false, true]);
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
    const { inbox, messages } = makeInbox((_data, self) => {
      self.pause();
      self.resume();
    });
    inbox.start();
    read(inbox, frames(0, 5));
    await until(() => messages.length === 5);
    expect(messages).toEqual(numbers(0, 5));
  });

  test('whose callback throws ends the turn, releases the window and reports the error once', () => {
    const { inbox, messages, log } = makeInbox((data) => {
      if (data === '2') throw new Error('mine');
    });
    inbox.start();
    read(inbox, frames(0, 5));
    expect(messages).toEqual(numbers(0, 3));
    expect(log).toEqual(['begin', 'throw Error: mine', 'end']);
    expect(windowIsClaimed()).toBe(false);
  });

  test('of slow callbacks ends the turn after a while, and loses nothing', async () => {
    const { inbox, messages } = makeInbox(() => {
      const end = performance.now() + 1;
      while (performance.now() < end);
    });
    inbox.start();
    read(inbox, frames(0, 64));
    expect(messages.length).toBeLessThan(64);
    await until(() => messages.length === 64);
    expect(messages).toEqual(numbers(0, 64));
  });

  test('is forgotten by close, as far as it waits', async () => {
    const { inbox, messages } = makeInbox();
    inbox.start();
    read(inbox, frames(0, 300));
    inbox.close();
    const handled = messages.length;
    await turns();
    expect(messages).toHaveLength(handled);
    expect(handled).toBeLessThanOrEqual(FRAME_ROWS);
  });
});

describe('chunks', () => {
  test('wait while another connection walks the window, and are handled in order behind', async () => {
    const { inbox, transport, messages } = makeInbox();
    inbox.start();
    claimWindow();
    inbox.onChunk(frames(0, 3));
    inbox.onChunk(frames(3, 5));
    expect([messages.length, transport.reading]).toEqual([0, false]);
    releaseWindow();
    inbox.onChunk(frames(5, 6));
    await until(() => messages.length === 6);
    expect(messages).toEqual(numbers(0, 6));
  });

  test('that come while a callback runs wait behind what is being handled', async () => {
    const { inbox, messages } = makeInbox((data, self) => {
      if (data === '0') self.onChunk(frames(2, 4));
    });
    inbox.start();
    inbox.onChunk(frames(0, 2));
    expect(messages).toEqual(numbers(0, 2));
    await until(() => messages.length === 4);
    expect(messages).toEqual(numbers(0, 4));
  });

  test('before start are handled, and what waits of them keeps the transport from reading', async () => {
    const { inbox, transport, messages } = makeInbox();
    inbox.onChunk(frames(0, 200));
    expect(messages.length).toBeLessThanOrEqual(FRAME_ROWS);
    inbox.start();
    expect(transport.reading).toBe(false);
    await until(() => messages.length === 200 && transport.reading);
    expect(messages).toEqual(numbers(0, 200));
  });

  test('that a transport hands over while it starts keep it from reading, too', async () => {
    const { inbox, transport, messages } = makeInbox();
    transport.onStart = () => {
      inbox.onChunk(frames(0, 200));
      inbox.onChunk(frames(200, 210));
    };
    inbox.start();
    expect(messages.length).toBeLessThanOrEqual(FRAME_ROWS);
    expect(transport.reading).toBe(false);
    await until(() => messages.length === 210 && transport.reading);
    expect(messages).toEqual(numbers(0, 210));
  });

  test('larger than what is copied at once are handled to their end', async () => {
    const { inbox, messages } = makeInbox();
    inbox.start();
    const texts = Array.from({ length: 5 }, (_, i) => `${i}`.repeat(50_000));
    inbox.onChunk(Buffer.concat(texts.map((text) => frameFor('server', 1, text))));
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
    const { inbox, messages, log } = makeInbox();
    inbox.start();
    inbox.onChunk(frames(0, 300));
    inbox.onEnd();
    expect(log).not.toContain('input end');
    await until(() => log.includes('input end'));
    expect(messages).toEqual(numbers(0, 300));
    expect(log.filter((entry) => entry === 'input end')).toHaveLength(1);
    expect(log.at(-1)).toBe('input end');
  });

  test('waits for resume when frames wait because of a pause', async () => {
    const { inbox, messages, log } = makeInbox((data, self) => {
      if (data === '0') self.pause();
    });
    inbox.start();
    inbox.onChunk(frames(0, 3));
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
    const { inbox, messages } = makeInbox();
    inbox.start();
    expect(inbox.isEmpty).toBe(true);
    inbox.pause();
    inbox.onChunk(frames(0, 3));
    expect(inbox.isEmpty).toBe(false);
    inbox.resume();
    await until(() => inbox.isEmpty);
    expect(messages).toEqual(numbers(0, 3));
  });

  test('finish handles all that waits, though paused, at once', () => {
    const { inbox, messages } = makeInbox();
    inbox.start();
    inbox.pause();
    inbox.onChunk(frames(0, 300));
    inbox.onChunk(frames(300, 302));
    inbox.finish();
    expect(messages).toEqual(numbers(0, 302));
    expect(inbox.isEmpty).toBe(true);
  });

  test('finish stops where somebody pauses again, and goes on at the next', () => {
    const { inbox, messages } = makeInbox((data, self) => data === '1' && self.pause());
    inbox.start();
    inbox.pause();
    inbox.onChunk(frames(0, 4));
    inbox.finish();
    expect(messages).toEqual(numbers(0, 2));
    inbox.finish();
    expect(messages).toEqual(numbers(0, 4));
  });

  test('options that are changed hold from the next message on', () => {
    const { inbox, log } = makeInbox();
    inbox.start();
    inbox.onChunk(frameFor('server', 1, 'longer'));
    inbox.options = { ...DEFAULT_OPTIONS, maxPayload: 3 };
    expect(log).not.toContain('fault');
    inbox.onChunk(frameFor('server', 1, 'longer'));
    expect(log).toContain('fault');
  });
});
