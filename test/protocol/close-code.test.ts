import { describe, expect, it } from 'vitest';
import { CloseCode, isCloseCode, MAX_CLOSE_REASON } from '../../src/protocol/close-code.js';

describe('isCloseCode (RFC 6455 §7.4)', () => {
  it('is true for 1000 to 1003, 1007 to 1014 and 3000 to 4999, and for nothing else of 16 bits', () => {
    const ranges: [number, number][] = [];
    for (let code = 0; code <= 65_536; code++) {
      if (!isCloseCode(code)) continue;
      const last = ranges.at(-1);
      if (last !== undefined && last[1] === code - 1) last[1] = code;
      else ranges.push([code, code]);
    }
    expect(ranges).toEqual([
      [1000, 1003],
      [1007, 1014],
      [3000, 4999],
    ]);
  });

  it('is true for every code that has a name here, but for the two that are never sent', () => {
    for (const [name, code] of Object.entries(CloseCode)) {
      expect(isCloseCode(code), name).toBe(name !== 'NoStatus' && name !== 'Abnormal');
    }
  });
});

describe('CloseCode (RFC 6455 §7.4.1)', () => {
  it('has the numbers of the RFC and the registry', () => {
    expect(CloseCode).toEqual({
      Normal: 1000,
      GoingAway: 1001,
      ProtocolError: 1002,
      UnsupportedData: 1003,
      NoStatus: 1005,
      Abnormal: 1006,
      InvalidPayload: 1007,
      PolicyViolation: 1008,
      MessageTooBig: 1009,
      MandatoryExtension: 1010,
      InternalError: 1011,
      ServiceRestart: 1012,
      TryAgainLater: 1013,
      BadGateway: 1014,
    });
  });

  it('a reason has what a control frame leaves of its 125 octets', () => {
    expect(MAX_CLOSE_REASON).toBe(125 - 2);
  });
});
