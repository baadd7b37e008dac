import { describe, expect, it } from 'vitest';
import { ClosingHandshake } from '../../src/protocol/closing.js';

const GOING_AWAY = { closeCode: 1001, reason: 'bye' };

describe('ClosingHandshake (RFC 6455 §7)', () => {
  it('begins with no Close frame either way', () => {
    const closing = new ClosingHandshake();
    expect([closing.sent, closing.received]).toEqual([false, false]);
  });

  it('an end without a Close frame is 1006 and not clean (§7.1.5)', () => {
    expect(new ClosingHandshake().result()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });

  it('an end after our Close frame alone is 1006 and not clean', () => {
    const closing = new ClosingHandshake();
    closing.onSent();
    expect([closing.sent, closing.received]).toEqual([true, false]);
    expect(closing.result()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });

  it('an end after both is clean, with the code and reason of the peer', () => {
    const closing = new ClosingHandshake();
    closing.onReceived(GOING_AWAY);
    expect([closing.sent, closing.received]).toEqual([false, true]);
    expect(closing.result()).toEqual({ ...GOING_AWAY, wasClean: false });
    closing.onSent();
    expect(closing.result()).toEqual({ ...GOING_AWAY, wasClean: true });
  });

  it('it does not matter who begins', () => {
    const closing = new ClosingHandshake();
    closing.onSent();
    closing.onReceived(GOING_AWAY);
    expect(closing.result()).toEqual({ ...GOING_AWAY, wasClean: true });
  });

  it('answers with the code that it received (§5.5.1), and with none to none', () => {
    expect(new ClosingHandshake().onReceived(GOING_AWAY)).toBe(1001);
    expect(new ClosingHandshake().onReceived({ closeCode: 4999, reason: '' })).toBe(4999);
    expect(new ClosingHandshake().onReceived({ closeCode: 1005, reason: '' })).toBeUndefined();
  });

  it('a Close frame without a code is 1005, and can be clean', () => {
    const closing = new ClosingHandshake();
    closing.onReceived({ closeCode: 1005, reason: '' });
    closing.onSent();
    expect(closing.result()).toEqual({ closeCode: 1005, reason: '', wasClean: true });
  });

  it('§7.1.5: the first Close frame that was received counts', () => {
    const closing = new ClosingHandshake();
    closing.onReceived(GOING_AWAY);
    closing.onReceived({ closeCode: 1000, reason: 'second' });
    expect(closing.result()).toMatchObject(GOING_AWAY);
  });
});
