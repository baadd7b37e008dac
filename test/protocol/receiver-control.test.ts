import { describe, expect, it } from 'vitest';
import { parseClosePayload } from '../../src/protocol/close-payload.js';
import { FAULT } from '../../src/protocol/faults.js';
import { frameFor, frameHeaderFor, octetsOf } from '../support/framer.js';
import {
  binaryMessage,
  controlFrame,
  faultEvent,
  type HarnessOptions,
  octetsUntilFault,
  ReceiverHarness,
  receiveAllWays,
  textMessage,
} from '../support/receiver-harness.js';

/** As a connection does: what comes behind a Close is not looked at. */
const CLOSING: HarnessOptions = {
  onEvent: (event, receiver) => {
    if ('control' in event && event.control === 8) receiver.discard();
  },
};

describe('control frames (RFC 6455 §5.5)', () => {
  it.each([8, 9, 10])('opcode %i with 0 to 125 octets, in both roles', (opcode) => {
    for (const role of ['server', 'client'] as const) {
      for (const size of [0, 1, 2, 124, 125]) {
        const payload = Buffer.alloc(size, 0xf0);
        const stream = [frameFor(role, opcode, payload), frameFor(role, 1, 'behind')];
        expect(receiveAllWays(stream, { role })).toEqual([controlFrame(opcode, payload), textMessage('behind')]);
      }
    }
  });

  it('are whole when they are reported, and only then', () => {
    const harness = new ReceiverHarness();
    const ping = frameFor('server', 9, 'ping');
    harness.feed(ping.subarray(0, 6));
    harness.feed(ping.subarray(6, -1));
    expect(harness.events).toEqual([]);
    expect(harness.receiver.midMessage).toBe(true);
    harness.feed(ping.subarray(-1));
    expect(harness.events).toEqual([controlFrame(9, 'ping')]);
    expect(harness.receiver.midMessage).toBe(false);
  });

  it('leave the message alone that they interrupt, also when a read cuts both', () => {
    const stream = Buffer.concat([
      frameFor('server', 2, 'abc', { fin: false, key: 0x01_02_03_04 }),
      frameFor('server', 9, 'ping', { key: 0x05_06_07_08 }),
      frameFor('server', 0, 'defg', { key: 0x0a_0b_0c_0d }),
    ]);
    expect(receiveAllWays(stream)).toEqual([controlFrame(9, 'ping'), binaryMessage('abcdefg')]);
  });

  it('are no fragments: they count neither for maxFragments nor for maxPayload', () => {
    const ping = frameFor('server', 9, Buffer.alloc(125));
    const stream = [frameFor('server', 2, 'ab', { fin: false }), ping, ping, ping, frameFor('server', 0, 'cd')];
    const events = receiveAllWays(stream, { maxFragments: 2, maxPayload: 4 });
    expect(events).toHaveLength(4);
    expect(events.at(-1)).toEqual(binaryMessage('abcd'));
  });

  it.each(['08', '09', '0a'])('hostile.F-05: fragmented, %s, fail with 1002 at once', (first) => {
    expect(FAULT.FRAGMENTED_CONTROL.closeCode).toBe(1002);
    const frame = octetsOf(`${first} 80 00000000`);
    expect(receiveAllWays(frame)).toEqual([faultEvent(FAULT.FRAGMENTED_CONTROL)]);
    expect(octetsUntilFault(frame)).toBe(1);
    const fragment = frameFor('server', 1, 'a', { fin: false });
    expect(receiveAllWays([fragment, frame])).toEqual([faultEvent(FAULT.FRAGMENTED_CONTROL)]);
  });

  it.each(['88', '89', '8a'])(
    'hostile.F-06: longer than 125 octets, %s, fail with 1002 at the second octet',
    (first) => {
      expect(FAULT.CONTROL_TOO_LONG.closeCode).toBe(1002);
      for (const rest of ['fe 007e 00000000', 'fe', 'ff 0000000000000001 00000000', 'ff 7fffffffffffffff', 'ff']) {
        const stream = octetsOf(`${first} ${rest}`);
        expect(receiveAllWays(stream)).toEqual([faultEvent(FAULT.CONTROL_TOO_LONG)]);
        expect(octetsUntilFault(stream)).toBe(2);
      }
      const unmasked = octetsOf(`${first} 7e 0001 00`);
      expect(octetsUntilFault(unmasked, { role: 'client', lenientLengths: true })).toBe(2);
    },
  );
});

describe('Close (RFC 6455 §5.5.1)', () => {
  const CLOSE = frameFor('server', 8, octetsOf('03e8'));

  it('is reported as it came: its payload is judged by who reads it', () => {
    for (const payload of ['', '03', '03ee', '03e8 ff']) {
      const octets = octetsOf(payload);
      expect(receiveAllWays(frameFor('server', 8, octets))).toEqual([controlFrame(8, octets)]);
    }
  });

  it('a Close of one octet is a fault once it is read', () => {
    let seen: unknown;
    const harness = new ReceiverHarness();
    harness.onControl = (_, payload) => {
      seen = parseClosePayload(payload);
    };
    harness.feed(octetsOf('88 81 00000000 03'));
    expect(seen).toBe(FAULT.BAD_CLOSE_LENGTH);
  });

  it('inside a fragmented message ends it: nothing of the message is reported, and nothing behind it', () => {
    const stream = [
      frameFor('server', 1, 'par', { fin: false }),
      CLOSE,
      frameFor('server', 0, 'tial'),
      frameFor('server', 1, 'more'),
      octetsOf('ff ff ff'),
    ];
    expect(receiveAllWays(stream, CLOSING)).toEqual([controlFrame(8, octetsOf('03e8'))]);
  });

  it('makes all that follows be ignored: data, Ping, a second Close, a cut header, a broken frame', () => {
    const behind = [frameFor('server', 1, 'x'), frameFor('server', 9), CLOSE, octetsOf('81'), octetsOf('83 80')];
    for (const octets of [...behind, Buffer.concat(behind), frameHeaderFor('server', 2, 1000n)]) {
      expect(receiveAllWays([CLOSE, octets], CLOSING)).toEqual([controlFrame(8, octetsOf('03e8'))]);
    }
  });
});
