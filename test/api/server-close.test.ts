import { describe, expect, test } from 'vitest';
import { Opcode, serve } from '../../src/index.js';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { frameFor } from '../support/framer.js';
import { runNode } from '../support/program.js';
import { rawAnswer, rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import { aWhile, connected, getPage, rejection, served, settles, until, withResolvers } from '../support/servers.js';

const close = (code: number) => frameFor('server', Opcode.Close, Buffer.from([code >> 8, code & 255]));

describe('server.close', () => {
  test('hostile.L-01: sends 1001 behind what was sent before, and resolves when all have answered', async () => {
    const closes: unknown[] = [];
    const { port, server } = await served({ close: (_ws, code) => closes.push(code) });
    const peers = [await rawWebSocket(port), await rawWebSocket(port)];
    for (const ws of server.connections) ws.send('last words');
    const closed = server.close();
    for (const peer of peers) {
      expect((await peer.take(16)).toString('latin1')).toBe('\x81\x0alast words\x88\x02\x03\xe9');
      expect(await settles(closed, 20)).toBe(false);
      peer.write(close(1001));
    }
    await closed;
    expect(closes).toEqual([1001, 1001]);
    expect(server.connections.size).toBe(0);
  });

  test('with a code and a reason', async () => {
    const { port, server } = await served();
    const peer = await rawWebSocket(port);
    const closed = server.close({ code: 1012, reason: 'back soon' });
    expect((await peer.take(13)).toString('latin1')).toBe('\x88\x0b\x03\xf4back soon');
    peer.write(close(1012));
    await closed;
  });

  test('hostile.L-01: destroys at the time-out who has not answered', async () => {
    const { port, server } = await served();
    const peer = await rawWebSocket(port);
    await server.close({ timeout: 60 });
    expect((await peer.takeAll()).toString('hex')).toBe('880203e9');
    expect(server.connections.size).toBe(0);
  });

  test('the time-out is closeTimeout by default', async () => {
    const { port, server } = await served({ closeTimeout: 60 });
    await rawWebSocket(port);
    await server.close();
    expect(server.connections.size).toBe(0);
  });

  test.each([0, Number.POSITIVE_INFINITY])('a time-out of %d is none', async (timeout) => {
    const { port, server } = await served();
    const peer = await rawWebSocket(port);
    const closed = server.close({ timeout });
    expect(await settles(closed, 100)).toBe(false);
    peer.write(close(1001));
    await closed;
    expect((await peer.takeAll()).toString('hex')).toBe('880203e9');
  });

  test('is idempotent', async () => {
    const { server } = await served();
    const closed = server.close();
    expect(server.close({ timeout: 1 })).toBe(closed);
    await closed;
    await server.close();
  });

  test('wrong options throw at the call, and change nothing', async () => {
    const { port, server } = await served();
    expect(() => server.close({ code: 1006 })).toThrow(TypeError);
    expect(() => server.close({ reason: 'x'.repeat(124) })).toThrow(RangeError);
    expect(() => server.close({ timeout: 0.5 })).toThrow(RangeError);
    await rawWebSocket(port);
  });

  test('is what await using does', async () => {
    const { server, port } = await served({ closeTimeout: 30 });
    await server[Symbol.asyncDispose]();
    expect(await rejection(rawClient(port))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('hostile.L-03: 503 to handshakes that are under way, and no more connections', async () => {
    const asked = withResolvers();
    const { port, server, errors } = await served({
      upgrade: async () => {
        asked.resolve();
        await aWhile(100);
      },
    });
    const answer = rawAnswer(port, requestText());
    await asked.promise;
    const closed = server.close();
    expect((await answer).slice(0, 13)).toBe('HTTP/1.1 503 ');
    await closed;
    expect(await rejection(rawClient(port))).toMatchObject({ code: 'ECONNREFUSED' });
    await aWhile(150);
    expect(errors).toEqual([]);
    expect(server.connections.size).toBe(0);
  });

  test('hostile.L-03: an upgrade on a connection that was open before is 503', async () => {
    const { port, server } = await served();
    const first = await rawWebSocket(port);
    const second = await rawClient(port);
    await aWhile(20);
    const closed = server.close();
    second.write(requestText());
    const answer = (await second.takeAll()).toString('latin1');
    // From Node 26 on a closing HTTP server ends a connection that has not asked for anything yet by itself.
    if (Number(process.versions.node.split('.')[0]) < 26 || answer !== '') expect(answer).toMatch(/^HTTP\/1.1 503 /);
    expect(server.connections.size).toBe(1);
    first.write(close(1001));
    await closed;
  });

  test('waits for answers to plain requests, and for nobody else', async () => {
    const asked = withResolvers();
    const { port, server } = await served({
      request: async (_request, response) => {
        asked.resolve();
        await aWhile(100);
        response.end('in time');
      },
    });
    await rawClient(port);
    const page = getPage(port, '/').then(({ text }) => text);
    await asked.promise;
    await server.close();
    expect(await page).toBe('in time');
  });

  test('does not wait for a plain request longer than the time-out', async () => {
    const asked = withResolvers();
    const { port, server } = await served({ request: () => asked.resolve() });
    const page = rejection(getPage(port, '/'));
    await asked.promise;
    await server.close({ timeout: 60 });
    expect(await page).toBeInstanceOf(Error);
  });

  test('does not wait for silent connections, over TLS neither', async () => {
    for (const tls of [undefined, { key: PRIVATE_KEY, cert: CERTIFICATE }]) {
      const { port, server } = await served({ tls, error() {} });
      const silent = await rawClient(port);
      await aWhile(20);
      await server.close();
      await silent.takeAll();
      expect(silent.ended).toBe(true);
    }
  });

  test('over TLS', async () => {
    const { port, server } = await served({ tls: { key: PRIVATE_KEY, cert: CERTIFICATE } });
    const ws = await connected(`wss://127.0.0.1:${port}/`, [], { ca: CERTIFICATE });
    await server.close();
    expect(await ws.closed).toMatchObject({ closeCode: 1001, wasClean: true });
  });

  test('hostile.A7.6: ends upgraded sockets too, all of them', async () => {
    const { port, server } = await served();
    const peers = await Promise.all(Array.from({ length: 50 }, () => rawWebSocket(port)));
    const closed = server.close({ timeout: 100 });
    await closed;
    await until(() => peers.every((peer) => peer.ended));
    expect(server.connections.size).toBe(0);
  });
});

const PROGRAM = `
  const { serve, newWebSocket } = require('./build/index.js');
  (async () => {
    const server = await serve({ host: '127.0.0.1', message: (ws, data) => { ws.send(data); } });
    const ws = await newWebSocket('ws://127.0.0.1:' + server.port);
    ws.send('x');
    console.log(await ws.receiveStrPacket());
    await server.close();
    console.log('closed');
  })();
`;

test('hostile.L-01: after close the process exits by itself', async () => {
  const program = runNode(['-e', PROGRAM]);
  expect(await program.exit).toEqual({ code: 0, signal: null });
  expect(program.stdout).toBe('x\nclosed\n');
  expect(program.stderr).toBe('');
});

test('a server that nobody closes keeps the process, as servers do', async () => {
  const server = await serve({ host: '127.0.0.1' });
  expect(process.getActiveResourcesInfo()).toContain('TCPServerWrap');
  await server.close();
});
