import { describe, expect, test } from 'vitest';
import * as wasock from '../../src/index.js';
import { ERROR_CODE, FAULT } from '../../src/protocol/errors.js';
import { frameFor } from '../support/framer.js';
import { acceptedSocket, rejection } from '../support/servers.js';

const result = { closeCode: 4000, reason: 'why', wasClean: true };
const cause = new Error('cause');

describe('the classes of errors', () => {
  test.each([
    {
      error: new wasock.WebSocketClosedError(result, { cause }),
      name: 'WebSocketClosedError',
      code: 'WASOCK_CLOSED',
      fields: { ...result, cause },
    },
    {
      error: new wasock.WebSocketCreationError('m', { cause }),
      name: 'WebSocketCreationError',
      code: 'WASOCK_CREATION',
      fields: { cause },
    },
    {
      error: new wasock.WebSocketPacketTypeError('m'),
      name: 'WebSocketPacketTypeError',
      code: 'WASOCK_PACKET_TYPE',
      fields: {},
    },
    {
      error: new wasock.WebSocketProtocolMismatchError('m'),
      name: 'WebSocketProtocolMismatchError',
      code: 'WASOCK_PROTOCOL_MISMATCH',
      fields: {},
    },
    {
      error: new wasock.WebSocketFailedUpgradeError(404, { a: 'b' }, Buffer.from('c')),
      name: 'WebSocketFailedUpgradeError',
      code: 'WASOCK_FAILED_UPGRADE',
      fields: { status: 404, headers: { a: 'b' }, body: Buffer.from('c') },
    },
    {
      error: new wasock.WebSocketHandshakeError('m', 426, { a: 'b' }),
      name: 'WebSocketHandshakeError',
      code: 'WASOCK_HANDSHAKE',
      fields: { status: 426, headers: { a: 'b' } },
    },
    {
      error: new wasock.WebSocketProtocolError(FAULT.RESERVED_BITS),
      name: 'WebSocketProtocolError',
      code: 'WASOCK_RESERVED_BITS',
      fields: { sentCloseCode: 1002, section: '5.2' },
    },
  ])('$name: a WebSocketError with the code $code and its fields', ({ error, name, code, fields }) => {
    expect(error).toBeInstanceOf(wasock.WebSocketError);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(name);
    expect(error.code).toBe(code);
    expect(error).toMatchObject(fields);
    expect(`${error}`).toMatch(new RegExp(`^${name}: .`));
    expect(error.stack).toContain(name);
  });

  test('the codes are of one table, each there once', () => {
    const codes = [...Object.values(ERROR_CODE), ...Object.values(FAULT).map(({ code }) => code)];
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code).toMatch(/^WASOCK_[A-Z0-9_]+$/);
  });
});

describe('closeCode is that of RFC 6455 §7.1.5', () => {
  test.each([
    {
      title: 'the received one',
      octets: frameFor('server', 8, Buffer.from([0x0f, 0xa0])),
      closeCode: 4000,
      wasClean: true,
    },
    { title: '1005 for a Close without one', octets: frameFor('server', 8), closeCode: 1005, wasClean: true },
    { title: '1006 without a Close', octets: Buffer.alloc(0), closeCode: 1006, wasClean: false },
    { title: '1006 where we failed the connection', octets: frameFor('server', 3), closeCode: 1006, wasClean: false },
  ])('$title', async ({ octets, closeCode, wasClean }) => {
    const { ws, peer } = await acceptedSocket();
    peer.socket.end(octets);
    expect(await rejection(ws.receivePacket())).toMatchObject({ closeCode, wasClean });
    expect(await ws.closed).toMatchObject({ closeCode, wasClean });
  });

  test('a protocol error is the cause of the closed error', async () => {
    const { ws, peer } = await acceptedSocket();
    peer.write(frameFor('server', 3));
    const error = await rejection(ws.receivePacket());
    expect(error.cause).toBeInstanceOf(wasock.WebSocketProtocolError);
  });
});
