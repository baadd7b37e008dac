import { describe, expect, onTestFinished, test } from 'vitest';
import { newWebSocket } from '../../../src/index.js';
import { FAULT } from '../../../src/protocol/faults.js';
import { closeHex, frameFor } from '../../support/framer.js';
import { Program } from '../../support/program.js';
import { type RawPeer, rawAnswer, rawClient, rawWebSocket, requestText } from '../../support/raw-peer.js';
import { aWhile, awaiting, served, settles, until, withResolvers } from '../../support/servers.js';

const statusOf = (answer: string) => Number(answer.slice(9, 12));
const count = (answer: string) => answer.match(/HTTP\/1\.1 /g)?.length ?? 0;

/** Both ways to serve, each with what arrives there. */
async function both(limits = {}) {
  const arrived: unknown[] = [];
  const handlers = await served({
    ...limits,
    request: (request, response) => {
      arrived.push(request.url);
      response.end();
    },
    message: (_ws, data) => arrived.push(data),
  });
  const handler = await awaiting(async (request) => {
    if (request.headers.upgrade === undefined) arrived.push(request.url);
    const ws = await newWebSocket(request);
    for await (const message of ws) arrived.push(message);
  }, limits);
  return { ports: [handlers.port, handler.port], arrived };
}

describe('a request with a body', () => {
  test.each(
    [
      { id: 'hostile.H-12', fields: { 'Content-Length': '5' }, body: 'hello' },
      {
        id: 'hostile.H-13',
        fields: { 'Transfer-Encoding': 'chunked' },
        body: '0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
      },
      { id: 'hostile.A4.10', fields: { 'Content-Length': '5' }, body: 'hello' },
      {
        id: 'hostile.A4.10',
        fields: { 'Transfer-Encoding': 'chunked' },
        body: '0\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n',
      },
      { id: 'hostile.H-14', fields: { 'Transfer-Encoding': 'chunked', 'Content-Length': '5' }, body: 'hello' },
      { id: 'hostile.H-14', fields: { 'Content-Length': ['5', '6'] }, body: 'hello' },
    ].map((row) => [row.id, row.fields, row] as const),
  )(
    '%s: %j is 400 and the end; the body is read neither as frames nor as HTTP',
    async (_id, _title, { fields, body }) => {
      const { ports, arrived } = await both();
      for (const port of ports) {
        const answer = await rawAnswer(port, requestText(fields) + body);
        expect(statusOf(answer)).toBe(400);
        expect(answer).toMatch(/\r\nConnection: close\r\n/i);
        expect(count(answer)).toBe(1);
      }
      expect(arrived).toEqual([]);
    },
  );
});

describe('octets behind the request', () => {
  test('hostile.H-15 hostile.A4.11: of a refused one are answered by nobody', async () => {
    const { ports, arrived } = await both();
    const pipelined = 'GET /internal HTTP/1.1\r\nHost: localhost\r\n\r\n';
    for (const port of ports) {
      for (const changes of [
        { 'Sec-WebSocket-Version': '8' },
        { 'Sec-WebSocket-Key': 'x' },
        { Origin: 'http://evil.example' },
      ]) {
        const answer = await rawAnswer(port, requestText(changes) + pipelined);
        expect(statusOf(answer)).toBeGreaterThanOrEqual(400);
        expect(answer).toContain('Connection: close\r\n');
        expect(count(answer)).toBe(1);
      }
    }
    expect(arrived).toEqual([]);
  });

  test('hostile.H-15 hostile.A4.12: of an accepted one are frames: another request is Close 1002', async () => {
    const { ports, arrived } = await both();
    for (const port of ports) {
      const peer = await rawClient(port);
      peer.write(requestText().repeat(1000));
      expect(await peer.takeHead()).toMatch(/^HTTP\/1.1 101 /);
      expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1002, FAULT.RESERVED_BITS.message));
    }
    expect(arrived).toEqual([]);
  });

  test('hostile.H-16: of an accepted one are delivered', async () => {
    const { ports, arrived } = await both();
    for (const port of ports) {
      const peer = await rawClient(port);
      peer.write(Buffer.concat([Buffer.from(requestText()), frameFor('server', 1, 'first')]));
      await peer.takeHead();
    }
    await until(() => arrived.length === 2);
    expect(arrived).toEqual(['first', 'first']);
  });

  test('hostile.A1.10: a handshake of an old draft is 426, and no octet behind it is looked at', async () => {
    const { ports, arrived } = await both();
    const old = requestText({
      'Sec-WebSocket-Key': undefined,
      'Sec-WebSocket-Version': undefined,
      'Sec-WebSocket-Key1': '4 @1  46546xW%0l 1 5',
      'Sec-WebSocket-Key2': '12998 5 Y3 1  .P00',
    });
    for (const port of ports) {
      const peer = await rawClient(port);
      peer.write(Buffer.concat([Buffer.from(old), Buffer.alloc(1_000_000, 0xff)]));
      const head = await peer.takeHead();
      expect(statusOf(head)).toBe(426);
      expect(head).toContain('\r\nSec-WebSocket-Version: 13\r\n');
      await peer.takeAll();
      expect(peer.ended).toBe(true);
    }
    expect(arrived).toEqual([]);
  });
});

describe('the end of a refused connection', () => {
  test('hostile.H-17: comes at once behind an answer of exact length', async () => {
    const { ports } = await both();
    for (const port of ports) {
      const answer = await rawAnswer(port, requestText({ 'Sec-WebSocket-Version': '7' }));
      const [head, body] = answer.split('\r\n\r\n');
      expect(head).toContain('Connection: close');
      expect(Number(/Content-Length: (\d+)/i.exec(head)?.[1])).toBe(Buffer.byteLength(body));
    }
  });

  test('hostile.H-17: comes for a client that does not close, too', async () => {
    const { port, server } = await served();
    const peer = await rawClient(port);
    peer.socket.allowHalfOpen = true;
    peer.write(requestText({ 'Sec-WebSocket-Version': '7' }));
    await peer.takeAll();
    const closed = new Promise((resolve) => peer.socket.on('close', resolve));
    const sending = setInterval(() => peer.write('x'), 20);
    await closed;
    clearInterval(sending);
    expect(server.connections.size).toBe(0);
  });
});

describe('a head that is too large', () => {
  test.each([
    { title: 'before', at: 'before' },
    { title: 'behind', at: 'behind' },
  ])('hostile.H-18 hostile.A4.1: 3000 header lines $title those of the handshake are 431', async ({ at }) => {
    const lines = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`X-${i}`, '1']));
    const whole = requestText(lines);
    const behind = whole;
    const before = requestText().replace(
      'Host:',
      `${Object.keys(lines)
        .map((name) => `${name}: 1\r\n`)
        .join('')}Host:`,
    );
    const { port } = await served({ maxHeaderBytes: 100_000 });
    expect(statusOf(await rawAnswer(port, at === 'before' ? before : behind))).toBe(431);
    const limited = await served();
    expect(statusOf(await rawAnswer(limited.port, at === 'before' ? before : behind))).toBe(431);
    const awaited = await awaiting((request) => newWebSocket(request));
    expect([400, 431]).toContain(statusOf(await rawAnswer(awaited.port, at === 'before' ? before : behind)));
    await rawWebSocket(port);
  });

  test('100 header lines pass, 101 do not', async () => {
    const { port } = await served();
    const lines = (n: number) => requestText(Object.fromEntries(Array.from({ length: n }, (_, i) => [`X-${i}`, '1'])));
    const peer = await rawClient(port);
    peer.write(lines(95));
    expect(statusOf(await peer.takeHead())).toBe(101);
    expect(statusOf(await rawAnswer(port, lines(96)))).toBe(431);
  });

  test('hostile.H-19 hostile.A4.7: one header of 20 KiB is 431', async () => {
    const { ports } = await both();
    for (const port of ports) {
      expect(statusOf(await rawAnswer(port, requestText({ 'X-Long': 'x'.repeat(20_480) })))).toBe(431);
    }
  });

  test('hostile.A4.7: a head without end in small pieces is 431 at 16 KiB', async () => {
    const { port } = await served();
    const peer = await rawClient(port);
    peer.write('GET /ws HTTP/1.1\r\nX-Endless: ');
    let written = 0;
    while (!peer.ended && written < 100_000) {
      peer.write('a'.repeat(1000));
      written += 1000;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(statusOf((await peer.takeAll()).toString('latin1'))).toBe(431);
  });
});

describe('a client that takes its time', () => {
  test.each([
    { title: 'says nothing', octets: '' },
    { title: 'stops in the middle', octets: 'GET /ws HTTP/1.1\r\nHost: loc' },
  ])('hostile.H-20: that $title is left after handshakeTimeout', async ({ octets }) => {
    const { port } = await served({ handshakeTimeout: 200 });
    const peer = await rawClient(port);
    peer.write(octets);
    await peer.takeAll();
    expect(peer.ended).toBe(true);
  });

  test('hostile.H-20 hostile.A4.8: that sends an octet now and then is left after handshakeTimeout in all', async () => {
    const { port } = await served({ handshakeTimeout: 250 });
    const peer = await rawClient(port);
    const octets = requestText({ 'X-Long': 'x'.repeat(2000) });
    let sent = 0;
    const timer = setInterval(() => peer.write(octets[sent++]), 20);
    await peer.takeAll();
    clearInterval(timer);
    expect(sent).toBeLessThan(octets.length);
  });
});

describe('clients that leave', () => {
  test('hostile.A4.16 hostile.T-01: with RST after any octet of the request: nothing is left, and the server serves on', async () => {
    const { port, server, errors } = await served();
    const whole = Buffer.concat([Buffer.from(requestText()), frameFor('server', 1, 'hello')]);
    for (let cut = 0; cut <= whole.length; cut++) {
      const peer = await rawClient(port);
      peer.write(whole.subarray(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      peer.reset();
    }
    await until(() => server.connections.size === 0);
    expect(errors).toEqual([]);
    await rawWebSocket(port);
  });
});

const FEW_DESCRIPTORS = `
  const { serve } = require('./build/index.js');
  serve({ host: '127.0.0.1', message: (ws, data) => { ws.send(data); }, error() {} })
    .then((server) => console.log('port', server.port));
`;

describe('many opening handshakes at once', () => {
  test('hostile.H-33: above maxPendingHandshakes 503; those that are open stay, and there is room again', async () => {
    const { promise, resolve } = withResolvers();
    const { port, server } = await served({
      maxPendingHandshakes: 3,
      upgrade: async (request) => {
        if (request.url === '/wait') await promise;
      },
    });
    const open = await rawWebSocket(port);
    const waiting = await Promise.all(
      [1, 2, 3].map(async () => {
        const peer = await rawClient(port);
        peer.write(requestText({}, 'GET /wait HTTP/1.1'));
        return peer;
      }),
    );
    await aWhile();
    expect(statusOf(await rawAnswer(port, requestText()))).toBe(503);
    expect(open.ended).toBe(false);
    resolve();
    for (const peer of waiting) expect(statusOf(await peer.takeHead())).toBe(101);
    await rawWebSocket(port);
    expect(server.connections.size).toBe(5);
  });

  test('hostile.H-33: who finds no descriptor free loses no open connection, and accepts again when there is one', async () => {
    const program = new Program('sh', ['-c', 'ulimit -n 64; exec "$0" -e "$1"', process.execPath, FEW_DESCRIPTORS]);
    onTestFinished(() => program.kill());
    const port = Number((await program.printed(/port (\d+)/))[1]);
    const open = await rawWebSocket(port);
    const crowd = await Promise.all(Array.from({ length: 150 }, () => rawClient(port).catch(() => null)));
    await until(() => crowd.some((peer) => peer === null || peer.ended));
    open.write(frameFor('server', 1, 'still here'));
    expect((await open.take(12)).toString('latin1')).toBe('\x81\x0astill here');
    for (const peer of crowd) peer?.socket.destroy();
    let again: RawPeer | null = null;
    while (again === null) again = await rawWebSocket(port).catch(() => null);
    again.write(frameFor('server', 1, 'again'));
    expect((await again.take(7)).toString('latin1')).toBe('\x81\x05again');
  });

  test('an answer that a handler has begun is not cut into by close', async () => {
    const begun = withResolvers();
    const { port, upgrades } = await awaiting(async (_request, response) => {
      response.write('begun ');
      begun.resolve();
      await aWhile(60);
      response.end('ended');
    });
    const answer = rawAnswer(port, requestText());
    await begun.promise;
    await upgrades.close({ timeout: 500 });
    expect(count(await answer)).toBe(1);
    expect(await answer).toContain('ended');
    expect(await settles(upgrades.close())).toBe(true);
  });
});
