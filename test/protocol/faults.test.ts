import { describe, expect, it } from 'vitest';
import { isCloseCode } from '../../src/protocol/close-code.js';
import { FAULT, faultText } from '../../src/protocol/faults.js';

describe('FAULT', () => {
  it.each(Object.entries(FAULT))(
    '%s has its name as code, a close code that may be sent, and a section',
    (name, fault) => {
      expect(fault.code).toBe(`WASOCK_${name}`);
      expect(isCloseCode(fault.closeCode)).toBe(true);
      expect(fault.section).toMatch(/^[578](\.\d+)*$/);
      expect(fault.message).not.toBe('');
      expect(Object.isFrozen(fault)).toBe(true);
    },
  );

  it('sends 1002 for what §5 forbids, 1007 for what cannot be read, 1008 and 1009 for limits (§7.4.1)', () => {
    const byCloseCode = namesByCloseCode();
    expect(byCloseCode).toEqual({
      1002: [
        'RESERVED_BITS',
        'RESERVED_OPCODE',
        'EXPECTED_MASK',
        'UNEXPECTED_MASK',
        'FRAGMENTED_CONTROL',
        'CONTROL_TOO_LONG',
        'UNEXPECTED_CONTINUATION',
        'EXPECTED_CONTINUATION',
        'LENGTH_NOT_MINIMAL',
        'LENGTH_SIGN_BIT',
        'BAD_CLOSE_LENGTH',
        'BAD_CLOSE_CODE',
      ],
      1007: ['BAD_CLOSE_REASON', 'INVALID_UTF8', 'INVALID_DEFLATE'],
      1008: ['TOO_MANY_FRAGMENTS', 'TOO_MANY_PIECES', 'MESSAGE_TIMEOUT', 'RATE_LIMIT'],
      1009: ['MESSAGE_TOO_BIG'],
    });
  });
});

function namesByCloseCode(): Record<number, string[]> {
  const names: Record<number, string[]> = {};
  for (const [name, { closeCode }] of Object.entries(FAULT)) {
    names[closeCode] ??= [];
    names[closeCode].push(name);
  }
  return names;
}

it('the text of a fault has the value of its limit', () => {
  const limits = { maxPayload: 1_048_576, maxFragments: 1024, messageTimeout: 30_000 };
  const texts = Object.values(FAULT).map((fault) => faultText(fault, limits));
  expect(texts.filter((text) => / \d+$/.test(text)).sort()).toEqual([
    'A message has more fragments than maxFragments 1024',
    'A message is larger than maxPayload 1048576',
    'A message took longer to arrive than messageTimeout 30000',
  ]);
  // They fit into a Close frame (RFC 6455 §5.5).
  for (const text of texts) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(110);
});
