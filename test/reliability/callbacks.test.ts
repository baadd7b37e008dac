import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { frameFor } from '../support/framer.js';
import { RawServer, rawWebSocket } from '../support/raw-peer.js';
import { aWhile, until } from '../support/servers.js';
import { IMPLEMENTATIONS, type Implementation, inner } from '../ws/implementations.js';
import { connect, listen } from '../ws/pairs.js';

const OPEN = 1;

/** A socket of a server and its raw peer. */
async function accepted(impl: Implementation, options = {}) {
  const { wss, url } = await listen(impl, options);
  const connection = once(wss, 'connection');
  const peer = await rawWebSocket(Number(new URL(url).port), {}, '/');
  const [ws] = (await connection) as [WebSocket];
  ws.on('error', () => {});
  return { ws, peer };
}

/** Notes the callbacks: which, and whether with an error. */
function noting() {
  const calls: (readonly [name: string, failed: boolean])[] = [];
  const note = (name: string) => (error?: Error | null) => void calls.push([name, !!error]);
  return { calls, note };
}

describe.each(IMPLEMENTATIONS)('%s: the callbacks of sends', (entry, impl) => {
  // node:net reports writes that destroying a socket cancels as if they had succeeded, and npm ws hands that on.
  const testOurs = test.runIf(entry === 'wasock/ws');

  test.each([
    ['a large message and a short one', [100_000, 1]],
    ['a short, a large and a short one', [1, 100_000, 1]],
    ['large ones', [100_000, 200_000, 3_000_000]],
    ['short ones', [1, 2, 3]],
  ])('in one turn all come, in order: %s', async (_name, sizes) => {
    const { client, server } = await connect(impl);
    for (const ws of [client, server]) {
      const { calls, note } = noting();
      for (let round = 0; round < 3; round++) {
        for (const [i, size] of sizes.entries()) ws.send(Buffer.alloc(size), note(`${round}.${i}`));
        if (round < 2) await aWhile(5);
      }
      await until(() => calls.length === 3 * sizes.length);
      const names = [0, 1, 2].flatMap((round) => sizes.map((_size, i) => `${round}.${i}`));
      expect(calls).toEqual(names.map((name) => [name, false]));
    }
  });

  test('go on coming after a message and a Ping of the peer in one read', async () => {
    const { ws, peer } = await accepted(impl);
    const { calls, note } = noting();
    ws.on('message', () => ws.send(Buffer.alloc(100_000), note('answer')));
    peer.write(Buffer.concat([frameFor('server', 1, 'x'), frameFor('server', 9)]));
    await peer.take(100_000);
    ws.send('later', note('later'));
    await until(() => calls.length === 2);
    expect(calls).toEqual([
      ['answer', false],
      ['later', false],
    ]);
    ws.close();
    await peer.take(10 + 2 + 7 + 2);
    peer.write(frameFor('server', 8));
    expect((await once(ws, 'close'))[0]).toBe(1005);
  });

  test('within a listener, and of Pings, come in order with the others', async () => {
    const { client, server } = await connect(impl);
    const { calls, note } = noting();
    const sent: string[] = [];
    const next = (name: string) => {
      sent.push(name);
      return note(name);
    };
    server.on('message', (data) => {
      server.send(data, next(`answer ${data}`));
      if (Number(data) % 3 === 0) server.ping('p', false, next(`ping ${data}`));
      if (Number(data) % 5 === 0) server.send(Buffer.alloc(70_000), next(`large ${data}`));
    });
    for (let i = 0; i < 200; i++) client.send(`${i}`);
    await until(() => calls.length === 200 + 67 + 40);
    expect(calls).toEqual(sent.map((name) => [name, false]));
  });

  testOurs('come once each, in order, when the socket breaks: success for what has left, then errors', async () => {
    const { ws, peer } = await accepted(impl);
    const { calls, note } = noting();
    peer.stopReading();
    for (let i = 0; i < 5; i++) ws.send(Buffer.alloc(10_000_000), note(`${i}`));
    ws.send('last', note('last'));
    await aWhile(20);
    const left = calls.length;
    expect(calls.every(([, failed]) => !failed)).toBe(true);
    peer.reset();
    await once(ws, 'close');
    expect(calls).toEqual(['0', '1', '2', '3', '4', 'last'].map((name, i) => [name, i >= left]));
  });

  testOurs('come in order when the socket breaks while a Blob is being read', async () => {
    const { ws, peer } = await accepted(impl);
    const { calls, note } = noting();
    peer.stopReading();
    ws.send(Buffer.alloc(30_000_000), note('in flight'));
    ws.send(new Blob(['x'.repeat(1000)]) as never, note('blob'));
    ws.send('after', note('after'));
    inner(ws)._socket.destroy();
    await once(ws, 'close');
    await until(() => calls.length === 3);
    expect(calls).toEqual([
      ['in flight', true],
      ['blob', true],
      ['after', true],
    ]);
  });

  test('of a send and terminate in one turn: none has an error if the frame has left', async () => {
    const { ws, peer } = await accepted(impl);
    const { calls, note } = noting();
    ws.send('one', note('one'));
    ws.send(Buffer.alloc(50_000), note('two'));
    ws.terminate();
    await once(ws, 'close');
    expect(calls).toEqual([
      ['one', false],
      ['two', false],
    ]);
    expect((await peer.takeAll()).length).toBe(5 + 50_004);
  });

  test('of a Blob that is still being read when the peer has sent FIN come with an error', async () => {
    const { ws, peer } = await accepted(impl);
    const { calls, note } = noting();
    const blob = new Blob(['x']);
    let release!: () => void;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    Object.defineProperty(blob, 'arrayBuffer', { value: () => held.then(() => new ArrayBuffer(1)) });
    ws.send(blob as never, note('blob'));
    peer.socket.end();
    await until(() => ws.readyState !== OPEN);
    release();
    await until(() => calls.length === 1);
    expect(calls).toEqual([['blob', true]]);
  });
});

describe.each(IMPLEMENTATIONS)('%s: a good peer', (_name, impl) => {
  test('that sends 200 Pings, one after the other, is answered each time, whatever was sent before', async () => {
    const { ws, peer } = await accepted(impl);
    ws.send(Buffer.alloc(100_000), () => {});
    ws.send('x', () => {});
    await peer.take(100_010 + 3);
    for (let i = 0; i < 200; i++) {
      peer.write(frameFor('server', 9));
      expect(await peer.take(2)).toEqual(Buffer.of(0x8a, 0));
    }
    expect(ws.readyState).toBe(OPEN);
  });

  test('hostile.R-08: that sends a Ping and a message of 4 KiB in turn, 400 times in one burst, gets 400 Pongs', async () => {
    const { ws, peer } = await accepted(impl);
    const pair = Buffer.concat([frameFor('server', 9, 'p'), frameFor('server', 2, Buffer.alloc(4096))]);
    peer.write(Buffer.concat(Array.from({ length: 400 }, () => pair)));
    expect(await peer.take(400 * 3)).toEqual(
      Buffer.concat(Array.from({ length: 400 }, () => Buffer.from('\x8a\x01p', 'latin1'))),
    );
    expect(ws.readyState).toBe(OPEN);
  });

  test('is waited for by close() no longer than it takes, whatever was sent before', async () => {
    const server = await RawServer.listen();
    const ws = new impl.WebSocket(server.url);
    const { peer } = await server.accept();
    await once(ws, 'open');
    ws.send(Buffer.alloc(100_000), () => {});
    ws.send('x', () => {});
    ws.close(1000);
    await peer.take(100_014 + 7 + 8);
    peer.write(frameFor('client', 8, Buffer.of(3, 232)));
    peer.socket.end();
    expect((await once(ws, 'close'))[0]).toBe(1000);
  });
});
