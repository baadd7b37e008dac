import { describe, expect, test } from 'vitest';
import { newWebSocket, offeredProtocols, ReadyState, type WebSocket, WebSocketError } from '../../src/index.js';
import { ACCEPT, type Fields, KEY, rawAnswer, rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import { acceptedSocket, awaiting, rejection, withResolvers } from '../support/servers.js';

/** What `newWebSocket(req)` says to a request, and what the client gets from a handler that answers with it. */
async function refused(octets: string, ...rest: [protocols?: string | string[], options?: object]) {
  const { promise, resolve } = withResolvers<Error>();
  const { port } = await awaiting(async (request, response) => {
    const error = await rejection(newWebSocket(request, ...rest));
    response.writeHead(418, { 'X-Error': error.name }).end(error.message);
    resolve(error);
  });
  const answer = await rawAnswer(port, octets);
  return { error: (await promise) as Error & { status?: number; headers?: Fields }, answer };
}

/** The answer to an upgrade in which the server wants these protocols. */
async function answered(changes: Fields, protocols?: string | string[], options?: object) {
  const { port } = await awaiting(async (request) => {
    await newWebSocket(request, protocols, options);
  });
  const peer = await rawClient(port);
  peer.write(requestText(changes));
  return peer.takeHead();
}

describe('the handshake on the server', () => {
  test('seed.S1: without a version an error with status and headers; nothing was written, the handler answers', async () => {
    const { error, answer } = await refused(requestText({ 'Sec-WebSocket-Version': undefined }));
    expect(error.name).toBe('WebSocketHandshakeError');
    expect(error.message).toMatch(/^Invalid WebSocket handshake/);
    expect(error).toMatchObject({ status: 426, headers: { 'Sec-WebSocket-Version': '13', Upgrade: 'websocket' } });
    expect(answer).toMatch(/^HTTP\/1.1 418 .*\r\nX-Error: WebSocketHandshakeError\r\n/);
    expect(answer).toMatch(/\r\nConnection: close\r\n/i);
  });

  test.each([
    { title: 'a version that is no number', changes: { 'Sec-WebSocket-Version': 'x' }, status: 426 },
    { title: 'no key', changes: { 'Sec-WebSocket-Key': undefined }, status: 400 },
  ])('seed.S2: $title is an error that the handler can answer', async ({ changes, status }) => {
    const { error, answer } = await refused(requestText(changes));
    expect(error).toBeInstanceOf(WebSocketError);
    expect(error.message).toMatch(/^Failed to create WebSocket from request: /);
    expect(error.status).toBe(status);
    expect(error.headers).toBeDefined();
    expect(answer).toMatch(/^HTTP\/1.1 418 /);
  });

  test.each([
    { title: 'version 12', octets: requestText({ 'Sec-WebSocket-Version': '12' }), status: 426 },
    { title: 'POST', octets: requestText({}, 'POST /ws HTTP/1.1'), status: 405 },
    { title: 'no Upgrade', octets: requestText({ Upgrade: undefined, Connection: 'Upgrade, close' }), status: 426 },
    { title: 'no Connection', octets: requestText({ Connection: 'close' }), status: 426 },
  ])('seed.S3: $title is refused with $status, by the error and on the wire', async ({ octets, status }) => {
    expect((await refused(octets)).error).toMatchObject({ status });
    const { port } = await awaiting(async (request) => {
      await newWebSocket(request);
    });
    const answer = await rawAnswer(port, octets);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    if (status === 426) expect(answer).toContain('\r\nSec-WebSocket-Version: 13\r\n');
    if (status === 405) expect(answer).toContain('\r\nAllow: GET\r\n');
  });

  test.each(['abc', 'dGhlIHNhbXBsZSBub25jZQ', 'AAAA', '', 'dGhlIHNhbXBsZSBub25jZQ==x'])(
    'seed.S4: the key %j is not the base64 of 16 octets: 400',
    async (key) => {
      expect((await refused(requestText({ 'Sec-WebSocket-Key': key }))).error).toMatchObject({ status: 400 });
    },
  );

  test('seed.S5: the octets of the 101', async () => {
    expect(await answered({})).toBe(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
    );
  });

  test('seed.S5: with the protocol if there is one', async () => {
    const head = await answered({ 'Sec-WebSocket-Protocol': 'foo' }, 'foo');
    expect(head).toMatch(/^HTTP\/1.1 101 /);
    expect(head).toContain(`Sec-WebSocket-Accept: ${ACCEPT}\r\n`);
    expect(head).toContain('\r\nSec-WebSocket-Protocol: foo\r\n');
  });

  test.each([
    { offered: 'a, b', ours: 'a', agreed: 'a' },
    { offered: 'a, b', ours: 'b', agreed: 'b' },
    { offered: 'c, b, a', ours: ['a', 'b'], agreed: 'b' },
  ])('seed.S6: of the offers $offered a server of $ours agrees on $agreed', async ({ offered, ours, agreed }) => {
    expect(await answered({ 'Sec-WebSocket-Protocol': offered }, ours)).toContain(
      `\r\nSec-WebSocket-Protocol: ${agreed}\r\n`,
    );
  });

  test('seed.S7: offers are ignored by a server that has none', async () => {
    expect(await answered({ 'Sec-WebSocket-Protocol': 'foo' })).not.toContain('Sec-WebSocket-Protocol');
  });

  test('seed.S7: requireProtocol makes that a mismatch, and the reverse as well', async () => {
    const offers = requestText({ 'Sec-WebSocket-Protocol': 'foo' });
    const { error } = await refused(offers, undefined, { requireProtocol: true });
    expect(error.name).toBe('WebSocketProtocolMismatchError');
    const none = await refused(requestText(), 'foo', { requireProtocol: true });
    expect(none.error.name).toBe('WebSocketProtocolMismatchError');
  });

  test('seed.S8: a client that offers none gets no protocol header', async () => {
    const head = await answered({}, 'foo');
    expect(head).toMatch(/^HTTP\/1.1 101 /);
    expect(head).not.toContain('Sec-WebSocket-Protocol');
  });

  test('seed.S9: a mismatch writes nothing, and the handler can answer', async () => {
    const { error, answer } = await refused(requestText({ 'Sec-WebSocket-Protocol': 'a, b' }), 'c');
    expect(error.name).toBe('WebSocketProtocolMismatchError');
    expect(error.message).toBe('Protocol mismatch (expected: c, got: a, b)');
    expect(answer).toMatch(/^HTTP\/1.1 418 /);
  });

  test('seed.S9: the refusal is sent for a handler that ends without an answer', async () => {
    const { port, errors } = await awaiting(async (request) => {
      await newWebSocket(request, 'c').catch(() => {});
    });
    const answer = await rawAnswer(port, requestText({ 'Sec-WebSocket-Protocol': 'a' }));
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('Protocol mismatch (expected: c, got: a)');
    expect(errors).toEqual([]);
  });

  test('seed.S10: a handler chooses among the offers', async () => {
    const { port } = await awaiting(async (request, response) => {
      const choice = ['foo1', 'foo2'].find((name) => offeredProtocols(request).includes(name));
      if (choice === undefined) response.writeHead(404).end();
      else await newWebSocket(request, choice);
    });
    const statusAndProtocol = async (offers: string) => {
      const peer = await rawClient(port);
      peer.write(requestText({ 'Sec-WebSocket-Protocol': offers }));
      const head = await peer.takeHead();
      return [head.slice(9, 12), /Protocol: (.*)\r/.exec(head)?.[1]];
    };
    expect(await statusAndProtocol('foo2, foo1')).toEqual(['101', 'foo1']);
    expect(await statusAndProtocol('foo2, foo3')).toEqual(['101', 'foo2']);
    expect(await statusAndProtocol('foo3')).toEqual(['404', undefined]);
  });

  test('seed.S11: then the socket is open, with the protocol and the key of the client', async () => {
    let ws: WebSocket | undefined;
    const { port } = await awaiting(async (request) => {
      ws = await newWebSocket(request, ['foo']);
    });
    await rawWebSocket(port, { 'Sec-WebSocket-Protocol': 'foo' });
    expect(ws?.readyState).toBe(ReadyState.Open);
    expect(ws?.protocol).toBe('foo');
    expect(ws?.key).toBe(KEY);
    expect((await acceptedSocket()).ws.protocol).toBe('');
  });
});
