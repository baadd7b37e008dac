import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { newWebSocket, Opcode } from '../../../src/index.js';
import { frameFor } from '../../support/framer.js';
import { rawAnswer, rawWebSocket, requestText } from '../../support/raw-peer.js';
import { awaiting, rejection, until, withResolvers } from '../../support/servers.js';

describe('a handler that does not upgrade', () => {
  test('hostile.H-17: and answers: with Connection: close, exact length, and the end of the connection', async () => {
    const { port } = await awaiting((_request, response) => {
      response.setHeader('X-Mine', 'yes');
      response.write('not ');
      response.end('here');
    });
    const answer = await rawAnswer(port, requestText());
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\nX-Mine: yes\r\n/);
    expect(answer).toContain('\r\nConnection: close\r\n');
    expect(answer).toContain('not ');
  });

  test('and answers: the response closes as any other', async () => {
    const events: string[] = [];
    const { port } = await awaiting((_request, response) => {
      for (const event of ['finish', 'close']) response.on(event, () => events.push(event));
      response.writeHead(204).end();
    });
    await rawAnswer(port, requestText());
    await until(() => events.length === 2);
    expect(events).toEqual(['finish', 'close']);
  });
});

describe('after the upgrade the response is spent', () => {
  test('headersSent and writableEnded are true, and a trailing res.end("Hello") is harmless', async () => {
    const states: unknown[] = [];
    const { port, errors } = await awaiting(async (request: IncomingMessage, response: ServerResponse) => {
      const ws = await newWebSocket(request);
      states.push(response.headersSent, response.writableEnded, response.statusCode);
      await ws.receivePacket();
      response.end('Hello');
      response.end();
      ws.send('after');
      await ws.closed;
    });
    const peer = await rawWebSocket(port);
    peer.write(frameFor('server', Opcode.Text, 'x'));
    expect((await peer.take(7)).toString('latin1')).toBe('\x81\x05after');
    expect(peer.received).toHaveLength(0);
    expect(states).toEqual([true, true, 101]);
    expect(errors).toEqual([]);
  });

  test('a second newWebSocket for the same request rejects', async () => {
    const { promise, resolve } = withResolvers<Error>();
    const { port } = await awaiting(async (request) => {
      await newWebSocket(request);
      resolve(await rejection(newWebSocket(request)));
    });
    await rawWebSocket(port);
    expect((await promise).message).toContain('answered already');
  });
});
