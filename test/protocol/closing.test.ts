import { describe, expect, test } from 'vitest';
import { Closing, type ClosingEvent, echoedCode } from '../../src/protocol/closing.js';

const GOING_AWAY = { closeCode: 1001, reason: 'bye' };
const EVENTS: ClosingEvent[] = ['close', 'peer close', 'peer end', 'fail'];

/** What of a step is to be done. */
const done = (closing: Closing, event: ClosingEvent, role: 'server' | 'client' = 'server') =>
  Object.entries(closing.on(event, role))
    .filter(([, isDue]) => isDue)
    .map(([name]) => name);

describe('while open', () => {
  test.each([
    ['close', ['sendsClose', 'reads']],
    ['peer close', ['discards', 'sendsClose']],
    ['peer end', ['ends']],
    ['fail', ['discards', 'sendsClose', 'reads', 'ends']],
  ] as const)('%s asks for %j', (event, expected) => {
    const closing = new Closing();
    expect([closing.state, closing.delivers]).toEqual(['open', true]);
    expect(done(closing, event)).toEqual(expected);
    expect([closing.state, closing.delivers]).toEqual(['closing', false]);
  });
});

describe('while closing', () => {
  test.each(EVENTS)('§5.5.1: after %s no Close is sent', (first) => {
    for (const next of EVENTS) {
      const closing = new Closing();
      closing.on(first, 'client');
      expect(done(closing, next, 'client')).not.toContain('sendsClose');
    }
  });

  test('§7.1.1: once both Closes are through a server sends FIN, and a client waits for that', () => {
    for (const role of ['server', 'client'] as const) {
      const [first, second] = [new Closing(), new Closing()];
      first.onReceived(GOING_AWAY);
      expect(done(first, 'peer close', role).includes('ends')).toBe(role === 'server');
      expect(done(second, 'close', role)).not.toContain('ends');
      second.onReceived(GOING_AWAY);
      expect(done(second, 'peer close', role).includes('ends')).toBe(role === 'server');
    }
  });

  test('an end and a failure send FIN at once', () => {
    for (const event of ['peer end', 'fail'] as const) {
      const closing = new Closing();
      closing.on('close', 'client');
      expect(done(closing, event, 'client')).toContain('ends');
    }
  });
});

describe('after the loss of the transport', () => {
  test('what was received is handed over, unless our Close was sent', () => {
    const [open, closed] = [new Closing(), new Closing()];
    closed.on('close', 'server');
    for (const closing of [open, closed]) closing.onLost();
    expect([open.delivers, closed.delivers]).toEqual([true, false]);
    expect([open.state, open.isLost]).toEqual(['closing', true]);
    expect(done(open, 'peer close')).not.toContain('sendsClose');
    open.onClosed();
    expect([open.state, open.result().wasClean]).toEqual(['closed', false]);
  });
});

describe('how it has ended (RFC 6455 §7.1.5)', () => {
  test('without a Close of the peer: 1006 and not clean, whether we sent ours or not', () => {
    expect(new Closing().result()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
    const closing = new Closing();
    closing.on('close', 'client');
    expect(closing.result()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });

  test.each([
    ['we', ['close', 'peer close']],
    ['the peer', ['peer close']],
  ] as const)('with both it is clean, with the code and reason of the peer: %s began', (_who, events) => {
    const closing = new Closing();
    for (const event of events) {
      if (event === 'peer close') closing.onReceived(GOING_AWAY);
      closing.on(event, 'server');
    }
    expect(closing.result()).toEqual({ ...GOING_AWAY, wasClean: true });
    closing.onIncomplete();
    expect(closing.result()).toEqual({ ...GOING_AWAY, wasClean: false });
  });

  test('a Close without a code is 1005, and can be clean', () => {
    const closing = new Closing();
    closing.onReceived({ closeCode: 1005, reason: '' });
    closing.on('peer close', 'server');
    expect(closing.result()).toEqual({ closeCode: 1005, reason: '', wasClean: true });
  });

  test('§7.1.5: the first Close frame that was received counts', () => {
    const closing = new Closing();
    closing.onReceived(GOING_AWAY);
    closing.onReceived({ closeCode: 1000, reason: 'second' });
    expect(closing.result()).toMatchObject(GOING_AWAY);
  });
});

test('§5.5.1: the answer has the code that was received, or none', () => {
  expect([1001, 4999, 1005].map((closeCode) => echoedCode({ closeCode, reason: '' }))).toEqual([1001, 4999, undefined]);
});

describe('a loop over the messages', () => {
  const isOrderlyAfter = (steps: (closing: Closing) => void) => {
    const closing = new Closing();
    steps(closing);
    closing.onLost();
    closing.onClosed();
    return closing.isOrderly;
  };
  const peerCloses = (closing: Closing, closeCode: number) => {
    closing.onReceived({ closeCode, reason: '' });
    closing.on('peer close', 'server');
  };

  test.each([
    [1000, true],
    [1001, true],
    [1005, true],
    [1002, false],
    [1011, false],
    [3000, false],
    [4000, false],
  ])('after a Close of the peer with %d ends quietly: %s', (closeCode, expected) => {
    expect(isOrderlyAfter((closing) => peerCloses(closing, closeCode))).toBe(expected);
  });

  test('ends quietly after this side has closed, whatever follows', () => {
    const isQuiet = (then: (closing: Closing) => void) =>
      isOrderlyAfter((closing) => {
        closing.on('close', 'client');
        then(closing);
      });
    expect(isQuiet(() => {})).toBe(true);
    expect(isQuiet((closing) => peerCloses(closing, 4000))).toBe(true);
    expect(isQuiet((closing) => closing.abandon())).toBe(true);
    expect(isQuiet((closing) => closing.on('fail', 'client'))).toBe(true);
  });

  test('throws after a failure of this side, whatever the peer answers', () => {
    expect(isOrderlyAfter((closing) => closing.on('fail', 'server'))).toBe(false);
    const answered = (closing: Closing) => {
      closing.on('fail', 'server');
      peerCloses(closing, 1000);
    };
    expect(isOrderlyAfter(answered)).toBe(false);
  });

  test('throws after a hangup, a time-out, and the loss of the connection', () => {
    expect(isOrderlyAfter((closing) => closing.abandon())).toBe(false);
    expect(isOrderlyAfter((closing) => void closing.on('peer end', 'server'))).toBe(false);
    expect(isOrderlyAfter(() => {})).toBe(false);
  });
});
