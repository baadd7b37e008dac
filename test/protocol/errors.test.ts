import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  ERROR_CODE,
  WebSocketClosedError,
  WebSocketCreationError,
  WebSocketError,
  WebSocketFailedUpgradeError,
  WebSocketHandshakeError,
  WebSocketPacketTypeError,
  WebSocketProtocolError,
  WebSocketProtocolMismatchError,
} from '../../src/protocol/errors.js';
import { FAULT } from '../../src/protocol/faults.js';

const RESULT = { closeCode: 4001, reason: 'enough', wasClean: true };

describe('error codes', () => {
  it('are one table without repeats', () => {
    const codes = [...Object.values(ERROR_CODE), ...Object.values(FAULT).map((fault) => fault.code)];
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code).toMatch(/^WASOCK_[A-Z0-9_]+$/);
  });
});

const URL_ASKED = new URL('ws://ada:pw@example.org/ws?ticket=secret');

describe('the errors', () => {
  const cause = new Error('why');

  it.each([
    ['WebSocketClosedError', new WebSocketClosedError(RESULT, { cause }), 'WASOCK_CLOSED'],
    ['WebSocketCreationError', new WebSocketCreationError('m', { cause }), 'WASOCK_CREATION'],
    [
      'WebSocketFailedUpgradeError',
      new WebSocketFailedUpgradeError(URL_ASKED, { status: 404, headers: {} }, Buffer.alloc(0), { cause }),
      'WASOCK_FAILED_UPGRADE',
    ],
    ['WebSocketHandshakeError', new WebSocketHandshakeError('m', 400, {}, { cause }), 'WASOCK_HANDSHAKE'],
  ] as const)('%s is a WebSocketError with its name, its code and its cause', (name, error, code) => {
    expect(error).toBeInstanceOf(WebSocketError);
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.code, error.cause]).toEqual([name, code, cause]);
    expect(String(error)).toBe(`${name}: ${error.message}`);
    expect(error.stack).toContain(name);
  });

  it('without a cause they have none', () => {
    expect('cause' in new WebSocketClosedError(RESULT)).toBe(false);
    expect('cause' in new WebSocketCreationError('m')).toBe(false);
  });

  it('WebSocketPacketTypeError and WebSocketProtocolMismatchError have their codes', () => {
    expect(new WebSocketPacketTypeError('m').code).toBe('WASOCK_PACKET_TYPE');
    expect(new WebSocketProtocolMismatchError('m').code).toBe('WASOCK_PROTOCOL_MISMATCH');
    expect(new WebSocketPacketTypeError('m').message).toBe('m');
  });

  it('WebSocketClosedError says how the connection ended', () => {
    const error = new WebSocketClosedError(RESULT);
    expect(error).toMatchObject(RESULT);
    expect(error.message).toBe('Socket closed (4001: enough)');
    expect(new WebSocketClosedError({ ...RESULT, reason: '' }).message).toBe('Socket closed (4001)');
  });

  it('WebSocketClosedError may have a message and a code of its own', () => {
    const error = new WebSocketClosedError(RESULT, { message: 'too slow', code: ERROR_CODE.BACKPRESSURE });
    expect([error.message, error.code, error.closeCode]).toEqual(['too slow', 'WASOCK_BACKPRESSURE', 4001]);
  });

  it('WebSocketFailedUpgradeError has the answer of the server', () => {
    const headers = { 'content-type': 'text/plain' };
    const body = Buffer.from('no such page');
    const error = new WebSocketFailedUpgradeError(URL_ASKED, { status: 404, headers }, body);
    expect(error).toMatchObject({ url: 'ws://example.org/ws?ticket=secret', status: 404, headers });
    expect(error.body).toBe(body);
    expect(error.bodyText).toBe('no such page');
    const beginning = 'Failed to Upgrade (Possibly Connected to non-WebSocket url): ws://example.org/ws answered 404';
    expect(error.message).toBe(`${beginning}: no such page`);
  });

  it.each([
    ['', ''],
    ['\n\r\n', ''],
    ['\n{"error":"who are you?"}\nmore', ': {"error":"who are you?"}'],
    [`${'x'.repeat(300)}`, `: ${'x'.repeat(200)}`],
    ['\u001b[2Jboo', ''],
    ['a\u2028b', ''],
    ['a\u202eb', ''],
    ['one\rtwo', ': one'],
    ['<!DOCTYPE html>\n<title>Error</title>', ': a page (see bodyText)'],
  ])('WebSocketFailedUpgradeError: of the body %j the message has %j', (body, shown) => {
    const error = new WebSocketFailedUpgradeError(URL_ASKED, { status: 401, headers: {} }, Buffer.from(body));
    expect(error.message.slice(error.message.indexOf('401'))).toBe(`401${shown}`);
  });

  it('a Close reason of a stranger cannot change a terminal', () => {
    const { message, reason } = new WebSocketClosedError({ ...RESULT, reason: 'x\n\u001b[31m' });
    expect(message).toBe('Socket closed (4001: x\ufffd\ufffd[31m)');
    expect(reason).toBe('x\n\u001b[31m');
  });

  it('WebSocketFailedUpgradeError: printed, it does not show what follows the question mark', () => {
    const error = new WebSocketFailedUpgradeError(URL_ASKED, { status: 401, headers: {} }, Buffer.from(''));
    expect(inspect(error)).not.toMatch('secret');
    expect(error.url).toMatch('secret');
  });

  it('WebSocketFailedUpgradeError: a body that is not text is not shown', () => {
    const error = new WebSocketFailedUpgradeError(URL_ASKED, { status: 502, headers: {} }, Buffer.from([0xff, 0xfe]));
    expect(error.message).toMatch(/answered 502$/);
  });

  it('WebSocketHandshakeError has the answer that the request deserves', () => {
    const headers = { 'sec-websocket-version': '13' };
    expect(new WebSocketHandshakeError('m', 426, headers)).toMatchObject({ message: 'm', status: 426, headers });
    expect(new WebSocketHandshakeError('m', 400).headers).toEqual({});
  });

  it.each(Object.values(FAULT))('WebSocketProtocolError names the rule: $code', (fault) => {
    const error = new WebSocketProtocolError(fault);
    expect([error.name, error.code]).toEqual(['WebSocketProtocolError', fault.code]);
    expect([error.sentCloseCode, error.section]).toEqual([fault.closeCode, fault.section]);
    expect(error.message).toBe(`${fault.message} (RFC 6455 §${fault.section})`);
  });
});
