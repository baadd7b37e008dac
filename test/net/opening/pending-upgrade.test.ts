import { once } from 'node:events';
import http from 'node:http';
import net, { type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseRequestHead } from '../../../src/handshake/request-head.js';
import { refuse } from '../../../src/handshake/server.js';
import { isPausedByUser } from '../../../src/net/node/socket-state.js';
import { PendingUpgrade } from '../../../src/net/opening/pending-upgrade.js';
import { RequestHead } from '../../../src/net/opening/request-head.js';
import { listen } from '../../support/http-servers.js';
import { requestText } from '../../support/raw-peer.js';
import { tcpPair } from '../../support/sockets.js';
import { until } from '../../support/waiting.js';

/** An upgrade request that nobody has answered yet, and the client that waits for the answer. */
async function pendingUpgrade({ timeout = 0, behind = '' } = {}) {
  const server = http.createServer();
  let settled = 0;
  let pending: PendingUpgrade | undefined;
  server.on('upgrade', (request, socket, head) => {
    pending = new PendingUpgrade(new RequestHead(request, socket), head, timeout, {
      onWatched() {},
      onRefused() {},
      onSettled: () => settled++,
    }).watch();
  });
  const client = net.connect({ port: await listen(server), host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void client.destroy());
  const seen = { octets: '', ended: false, closed: false, error: undefined as Error | undefined };
  client.on('data', (octets) => {
    seen.octets += octets.toString('latin1');
  });
  client.on('end', () => {
    seen.ended = true;
  });
  client.on('error', (error) => {
    seen.error = error;
  });
  client.on('close', () => {
    seen.closed = true;
  });
  client.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${behind}`);
  await until(() => pending !== undefined);
  return { pending: pending as PendingUpgrade, client, seen, settled: () => settled };
}

const ACCEPTANCE =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Name: caf\xe9\r\n\r\n';

describe('accept', () => {
  test('over a stream that throws: the caller learns of it, the stream is destroyed, and what it reports later hurts nobody', async () => {
    const { pending, settled } = await pendingUpgrade();
    const { socket } = pending;
    socket.write = () => {
      throw new Error('broken');
    };
    expect(() => pending.accept(ACCEPTANCE)).toThrow('broken');
    expect([socket.destroyed, pending.isPending, settled()]).toEqual([true, false, 1]);
    socket.emit('error', new Error('later'));
  });

  test('writes the 101 as it is, settles, and leaves the socket to others', async () => {
    const { pending, seen, settled } = await pendingUpgrade({ behind: 'frames' });
    expect([pending.isPending, pending.isGone, settled()]).toEqual([true, false, 0]);
    expect([pending.takeHead().toString(), pending.takeHead().length]).toEqual(['frames', 0]);
    pending.accept(ACCEPTANCE);
    await until(() => seen.octets.length === ACCEPTANCE.length);
    expect(seen.octets).toBe(ACCEPTANCE);
    expect([pending.isPending, pending.isGone, settled()]).toEqual([false, false, 1]);
    pending.refuse(refuse(400));
    pending.end();
    pending.socket.emit('close');
    await sleep(20);
    expect([seen.octets, seen.ended, settled()]).toEqual([ACCEPTANCE, false, 1]);
  });

  test('keeps no listener on the socket', async () => {
    const { pending } = await pendingUpgrade();
    const listeners = pending.socket.listenerCount('close') + pending.socket.listenerCount('error');
    pending.accept(ACCEPTANCE);
    expect(pending.socket.listenerCount('close') + pending.socket.listenerCount('error')).toBe(listeners - 2);
  });

  test('ends the wait: the time-out does not come any more', async () => {
    const { pending, seen } = await pendingUpgrade({ timeout: 100 });
    pending.accept(ACCEPTANCE);
    await sleep(300);
    expect([seen.octets, seen.ended]).toEqual([ACCEPTANCE, false]);
  });
});

describe('readAhead', () => {
  test('keeps what comes before the answer, and leaves the stream as it was', async () => {
    const { pending, client } = await pendingUpgrade({ behind: 'one ' });
    const { socket } = pending;
    const state = () => [isPausedByUser(socket), socket.readableFlowing === true, socket.listenerCount('data')];
    const before = state();
    pending.readAhead();
    for (const text of ['two ', 'three ']) {
      client.write(text);
      await sleep(20);
    }
    pending.accept(ACCEPTANCE);
    expect([pending.takeHead().toString(), pending.takeHead().length]).toEqual(['one two three ', 0]);
    expect(state()).toEqual(before);
    client.write('four');
    await once(socket, 'readable');
    expect(String(socket.read())).toBe('four');
  });

  test('takes 64 KiB, and refuses one byte more', async () => {
    const { pending, client, seen } = await pendingUpgrade();
    pending.readAhead();
    client.write(Buffer.alloc(65_536));
    await until(() => (pending.socket as Socket).bytesRead >= 65_536);
    expect([pending.isPending, seen.octets]).toEqual([true, '']);
    client.write('x');
    await until(() => seen.ended);
    expect(seen.octets).toMatch(/^HTTP\/1\.1 400 .*More than 64 KiB/s);
    expect([pending.signal.aborted, pending.takeHead().length]).toEqual([true, 0]);
  });

  test('lets somebody finish who has begun to answer', async () => {
    const { pending, client, seen } = await pendingUpgrade();
    pending.answer = { hasBegun: true, onWatched() {} };
    pending.readAhead();
    client.write(Buffer.alloc(200_000));
    await until(() => (pending.socket as Socket).bytesRead >= 200_000);
    pending.socket.write('answer');
    pending.end();
    await until(() => seen.ended);
    expect(seen.octets).toBe('answer');
  });

  test('does nothing after the answer', async () => {
    const { pending } = await pendingUpgrade();
    const state = () => ['data', 'end', 'error', 'close'].map((event) => pending.socket.listenerCount(event));
    pending.accept(ACCEPTANCE);
    const before = state();
    pending.readAhead();
    expect(state()).toEqual(before);
  });
});

describe('refuse', () => {
  test('writes the answer, then FIN, and aborts the signal', async () => {
    const { pending, seen, client, settled } = await pendingUpgrade();
    const { signal } = pending;
    expect(signal.aborted).toBe(false);
    pending.refuse(refuse(403, { body: 'no é\n' }));
    expect([signal.aborted, pending.isPending, settled()]).toEqual([true, false, 1]);
    await until(() => seen.ended);
    expect(seen.octets).toMatch(/^HTTP\/1\.1 403 /);
    expect(seen.octets.toLowerCase()).toContain('connection: close');
    expect(Buffer.from(seen.octets, 'latin1').toString()).toContain('no é\n');
    client.end();
    await until(() => seen.closed);
    expect([seen.error, settled()]).toEqual([undefined, 1]);
  });

  test('once: a second answer is not written', async () => {
    const { pending, seen } = await pendingUpgrade();
    pending.refuse(refuse(403));
    pending.refuse(refuse(404));
    await until(() => seen.ended);
    expect(seen.octets.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  test('reaches a client that goes on sending: what it sends is read, or the kernel would answer with RST', async () => {
    const { pending, seen, client } = await pendingUpgrade();
    pending.refuse(refuse(503));
    let sent = false;
    client.write(Buffer.alloc(30_000_000), () => {
      sent = true;
    });
    await until(() => sent || seen.closed);
    expect([sent, seen.error]).toEqual([true, undefined]);
    await until(() => seen.ended);
    expect(seen.octets).toMatch(/^HTTP\/1\.1 503 /);
  });

  test('destroys the socket of a client that does not close', async () => {
    const { pending, seen } = await pendingUpgrade();
    pending.refuse(refuse(400));
    await until(() => seen.ended);
    expect(pending.socket.destroyed).toBe(false);
    await until(() => pending.socket.destroyed);
    expect(pending.isPending).toBe(false);
  });
});

test('end closes behind an answer that somebody else has written', async () => {
  const { pending, seen, settled } = await pendingUpgrade();
  pending.socket.write('HTTP/1.1 418 Teapot\r\n\r\n');
  pending.end();
  await until(() => seen.ended);
  expect([seen.octets, settled(), pending.signal.aborted]).toEqual(['HTTP/1.1 418 Teapot\r\n\r\n', 1, true]);
});

describe('the time-out', () => {
  test('refuses with 503', async () => {
    const { seen, pending, settled } = await pendingUpgrade({ timeout: 100 });
    await until(() => seen.ended);
    expect(seen.octets).toMatch(/^HTTP\/1\.1 503 /);
    expect([pending.isPending, settled(), pending.signal.aborted]).toEqual([false, 1, true]);
  });

  test('leaves an answer alone that somebody has begun', async () => {
    const { seen, pending } = await pendingUpgrade({ timeout: 100 });
    pending.answer = { hasBegun: true, onWatched() {} };
    pending.socket.write('HTTP/1.1 200 OK\r\n');
    await sleep(300);
    expect([seen.octets, seen.ended, pending.isPending]).toEqual(['HTTP/1.1 200 OK\r\n', false, true]);
    pending.end();
    await until(() => seen.ended || seen.closed);
    expect(pending.isPending).toBe(false);
  });

  test('0 waits', async () => {
    const { seen, pending } = await pendingUpgrade();
    await sleep(200);
    expect([pending.isPending, seen.octets]).toEqual([true, '']);
  });
});

describe('a client that leaves', () => {
  test('by RST before the answer: gone, settled once, signal aborted, and nothing is thrown', async () => {
    const { pending, client, settled } = await pendingUpgrade();
    const { signal } = pending;
    pending.socket.resume();
    client.resetAndDestroy();
    await until(() => pending.isGone);
    expect([pending.isPending, signal.aborted, settled()]).toEqual([false, true, 1]);
    pending.refuse(refuse(400));
    expect(settled()).toBe(1);
  });

  test('a signal that is asked for only then is aborted, too', async () => {
    const { pending, client } = await pendingUpgrade();
    (pending.socket as Socket).destroy();
    await until(() => !pending.isPending);
    expect(pending.signal.aborted).toBe(true);
    client.destroy();
  });

  test('by RST while the refusal is on its way: nothing is thrown', async () => {
    const { pending, client } = await pendingUpgrade();
    pending.refuse(refuse(400, { body: 'x'.repeat(1000) }));
    client.resetAndDestroy();
    await until(() => pending.socket.destroyed);
    expect(pending.isPending).toBe(false);
  });
});

describe('a request that node:http has not seen', () => {
  /** On a socket that is nobody's. */
  async function earlyUpgrade() {
    const { near, far } = await tcpPair();
    const request = new RequestHead(parseRequestHead(requestText({ Cookie: 'a=b' }), 1024)!, near);
    return {
      far,
      pending: new PendingUpgrade(request, Buffer.alloc(0), 0, { onWatched() {}, onSettled() {}, onRefused() {} }),
    };
  }

  test('is made when it is first wanted, once', async () => {
    const { pending } = await earlyUpgrade();
    const { request } = pending;
    expect(request.fields.rawHeaders).toContain('a=b');
    request.release();
    expect(request.fields.rawHeaders).toContain('a=b');
    const { message } = request;
    expect(message.headers).toMatchObject({ cookie: 'a=b', host: 'localhost' });
    expect([request.message, request.fields]).toEqual([message, message]);
    expect(message.socket).toBe(pending.socket);
  });

  test('listens to its client only if the answer takes time', async () => {
    const { pending, far } = await earlyUpgrade();
    const listeners = () => ['error', 'close', 'end'].map((event) => pending.socket.listenerCount(event));
    const before = listeners();
    pending.watch().watch();
    expect(listeners()).toEqual(before.map((count) => count + 1));
    far.resetAndDestroy();
    await until(() => pending.isGone);
    expect(pending.isPending).toBe(false);
  });

  test('is refused without having been watched', async () => {
    const { pending, far } = await earlyUpgrade();
    pending.refuse(refuse(403));
    const octets: Buffer[] = [];
    far.on('data', (chunk) => octets.push(chunk));
    await once(far, 'end');
    expect(String(Buffer.concat(octets))).toMatch(/^HTTP\/1\.1 403 /);
  });
});
