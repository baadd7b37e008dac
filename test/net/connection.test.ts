import { describe, expect, test } from 'vitest';
import { WINDOW_SIZE } from '../../src/codec/memory-map.js';
import { RESERVE_BYTES } from '../../src/net/reading/inbox.js';
import { SharedMessage } from '../../src/net/writing/shared-message.js';
import { makeConnection, type Opening, openConnection } from '../support/connection-harness.js';
import { FramePeer } from '../support/frame-peer.js';
import { frameFor } from '../support/framer.js';
import { memoryPair, tcpPair, tlsPair, unixPair, writesOf } from '../support/sockets.js';
import { turns, until } from '../support/waiting.js';

const client = (opening: Opening = {}): Opening => ({
  ...opening,
  options: { role: 'client', ...opening.options },
});

async function serverOverTcp(opening: Opening = {}) {
  const { near, far } = await tcpPair();
  return { ...openConnection(near, opening), peer: new FramePeer(far), near, far };
}

describe.each([
  ['TCP', tcpPair],
  ['a Unix socket', unixPair],
  ['TLS', tlsPair],
  [
    'memory',
    async () => {
      const [near, far] = memoryPair();
      return { near, far };
    },
  ],
])('a server and a client over %s', (_name, pair) => {
  test('exchange messages of all sizes in both directions, in order', async () => {
    const { near, far } = await pair();
    const one = openConnection(near);
    const other = openConnection(far, client());
    const messages = [0, 1, 125, 126, 1000, 16_384, 65_535, 65_536, 200_000, 1_048_576].flatMap((size) => [
      Buffer.alloc(size, size),
      `é${'x'.repeat(size >> 1)}`,
    ]);
    for (const message of messages) {
      const opcode = typeof message === 'string' ? 1 : 2;
      one.connection.send(opcode, message);
      other.connection.send(opcode, message);
    }
    for (const { recorder } of [one, other]) {
      await recorder.messagesReceived(messages.length);
      const same = recorder.messages.map((got, i) => Buffer.from(got).equals(Buffer.from(messages[i])));
      expect(same).toEqual(messages.map(() => true));
    }
  });

  test('answer each other’s Pings and close cleanly', async () => {
    const { near, far } = await pair();
    const one = openConnection(near);
    const other = openConnection(far, client());
    one.connection.send(9, Buffer.from('from the server'));
    other.connection.send(9, Buffer.from('from the client'));
    await until(() => one.recorder.pongs.length === 1 && other.recorder.pongs.length === 1);
    expect(one.recorder.pongs[0].toString()).toBe('from the server');
    expect(other.recorder.pings[0].toString()).toBe('from the server');
    other.connection.close(1000, 'bye');
    expect(await one.recorder.closed()).toEqual({ closeCode: 1000, reason: 'bye', wasClean: true });
    expect(await other.recorder.closed()).toEqual({ closeCode: 1000, reason: '', wasClean: true });
  });
});

describe('opening', () => {
  test('nothing is read before start', async () => {
    const { near, far } = await tcpPair();
    const { connection, recorder } = makeConnection(near);
    far.write(frameFor('server', 1, 'early'));
    await until(() => near.readableLength > 0);
    await turns();
    expect(recorder.events).toEqual([]);
    connection.start();
    await recorder.messagesReceived(1);
    expect(recorder.messages).toEqual(['early']);
  });

  test('sending is possible before start', async () => {
    const { near, far } = await tcpPair();
    const { connection } = makeConnection(near);
    const peer = new FramePeer(far);
    connection.send(1, 'welcome');
    await peer.framesReceived(1);
    expect(peer.texts).toEqual(['welcome']);
  });

  test('a connection that is terminated by the frames of head does not start', async () => {
    const { near } = await tcpPair();
    const opened = makeConnection(near, { on: { onMessage: () => opened.connection.terminate() } });
    opened.connection.start(Buffer.concat([frameFor('server', 1, 'one'), frameFor('server', 1, 'two')]));
    await opened.recorder.closed();
    expect(opened.recorder.events).toEqual(['message', 'close']);
  });
});

describe('sending', () => {
  test('frames of a server are not masked, those of a client are (§5.1)', async () => {
    const { near, far } = await tcpPair();
    openConnection(near).connection.send(1, 'x');
    const peer = new FramePeer(far);
    expect((await peer.framesReceived(1))[0].key).toBe(null);

    const pair = await tcpPair();
    openConnection(pair.far, client()).connection.send(1, 'x');
    const other = new FramePeer(pair.near);
    expect((await other.framesReceived(1))[0].key).not.toBe(null);
  });

  test('`undefined` says that the payload is the caller’s again', async () => {
    const { connection, peer } = await serverOverTcp();
    const payload = Buffer.from('mine');
    expect(connection.send(2, payload)).toBe(undefined);
    payload.fill('x');
    await peer.framesReceived(1);
    expect(peer.texts).toEqual(['mine']);
  });

  test('shared messages go out in their order, among the others', async () => {
    const { connection, peer } = await serverOverTcp();
    connection.send(1, '1');
    expect(connection.sendShared(new SharedMessage(1, '2', true))).toBe(undefined);
    connection.queueShared(new SharedMessage(1, '3', true));
    connection.send(1, '4');
    await peer.framesReceived(4);
    expect(peer.texts).toEqual(['1', '2', '3', '4']);
  });

  test('of a peer that is behind, sendShared gives a promise; frames that are queued make it drain, too', async () => {
    const { near, far } = await tcpPair();
    const { connection, recorder } = openConnection(near);
    const peer = new FramePeer(far, false);
    const message = new SharedMessage(2, Buffer.alloc(60_000), true);
    // Beyond all that a kernel holds.
    for (let i = 0; i < 500; i++) connection.queueShared(message);
    await turns(2);
    expect(connection.bufferedAmount).toBeGreaterThan(65_536);
    const sent = connection.sendShared(message);
    expect(sent).toBeInstanceOf(Promise);
    peer.read();
    await sent;
    await until(() => recorder.drains > 0);
    expect(await peer.framesReceived(501)).toHaveLength(501);
  });

  test('bufferedAmount and flushIfOverloaded tell of a peer that does not read; onDrain of one that has caught up', async () => {
    const { near, far } = await tcpPair();
    const { connection, recorder } = openConnection(near, { options: { maxBackpressure: 100_000 } });
    const peer = new FramePeer(far, false);
    expect([connection.bufferedAmount, connection.flushIfOverloaded()]).toEqual([0, false]);
    let last: Promise<void> | undefined;
    let count = 0;
    while (!connection.flushIfOverloaded()) {
      last = connection.send(2, Buffer.alloc(60_000, count++));
      last?.catch(() => {});
      await turns(1);
    }
    expect(connection.bufferedAmount).toBeGreaterThan(100_000);
    expect(recorder.drains).toBe(0);
    peer.read();
    await last;
    await until(() => recorder.drains > 0);
    expect(connection.bufferedAmount).toBe(0);
    const frames = await peer.framesReceived(count);
    expect(frames.findIndex(({ payload }, i) => !payload.equals(Buffer.alloc(60_000, i)))).toBe(-1);
  });

  test('sends within a message callback leave when the read is handled, those of one read in one write', async () => {
    const { near, far } = await tcpPair();
    const writes = writesOf(near);
    const opened = openConnection(near, { on: { onMessage: (_opcode, data) => void opened.connection.send(1, data) } });
    const peer = new FramePeer(far);
    peer.send(...Array.from({ length: 20 }, (_, i) => frameFor('server', 1, `${i}`)));
    await peer.framesReceived(20);
    expect(peer.texts).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    expect(writes).toHaveLength(1);
  });

  test('sends of one turn leave in one write at its end', async () => {
    const { near, far } = await tcpPair();
    const writes = writesOf(near);
    const { connection } = openConnection(near);
    const peer = new FramePeer(far);
    for (let i = 0; i < 50; i++) connection.send(1, `${i}`);
    expect(writes).toHaveLength(0);
    await peer.framesReceived(50);
    expect(writes).toHaveLength(1);
  });
});

describe('receiving', () => {
  test('each Ping is answered with its own payload (§5.5.3), before onPing is told', async () => {
    const { recorder, peer } = await serverOverTcp();
    peer.send(...Array.from({ length: 100 }, (_, i) => frameFor('server', 9, `${i}`)));
    await peer.framesReceived(100);
    expect(peer.opcodes.every((opcode) => opcode === 10)).toBe(true);
    expect(peer.texts).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`));
    expect(recorder.pings).toHaveLength(100);
  });

  test('raw mode hands over every frame and answers none', async () => {
    const { recorder, peer, connection } = await serverOverTcp({ options: { raw: true } });
    peer.send(
      frameFor('server', 1, 'a', { fin: false }),
      frameFor('server', 9, 'ping'),
      frameFor('server', 0, 'b'),
      frameFor('server', 8, Buffer.of(3, 232)),
      frameFor('server', 2, 'still open'),
    );
    await until(() => recorder.frames.length === 5);
    expect(recorder.frames.map(({ fin, opcode, payload }) => [fin, opcode, payload.toString('latin1')])).toEqual([
      [false, 1, 'a'],
      [true, 9, 'ping'],
      [true, 0, 'b'],
      [true, 8, '\x03\xe8'],
      [true, 2, 'still open'],
    ]);
    expect([connection.state, peer.frames.length]).toEqual(['open', 0]);
  });

  test('pause stops before the next message, and a paused connection reads no more than its reserve and one read', async () => {
    const { recorder, peer, connection, near } = await serverOverTcp();
    connection.pause();
    expect(connection.isPaused).toBe(true);
    peer.send(Buffer.concat(Array.from({ length: 100 }, () => frameFor('server', 2, Buffer.alloc(60_000)))));
    await turns(50);
    expect(recorder.messages).toHaveLength(0);
    expect(near.bytesRead).toBeGreaterThan(0);
    expect(near.bytesRead).toBeLessThan(RESERVE_BYTES + WINDOW_SIZE);
    connection.resume();
    await recorder.messagesReceived(100);
    expect(connection.isPaused).toBe(false);
  });
});

describe('the work of one turn', () => {
  test('hostile.R-20: is at most 128 frames of one connection; order is kept', async () => {
    const perTurn: number[] = [];
    let count = 0;
    const { peer, recorder } = await serverOverTcp({
      on: {
        onMessage: () => {
          if (count++ === 0) setImmediate(endTurn);
        },
      },
    });
    const endTurn = () => {
      perTurn.push(count);
      count = 0;
    };
    peer.send(...Array.from({ length: 1000 }, (_, i) => frameFor('server', 1, `${i}`)));
    await recorder.messagesReceived(1000);
    await turns(3);
    expect(recorder.messages).toEqual(Array.from({ length: 1000 }, (_, i) => `${i}`));
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(128);
  });

  test('hostile.R-20: of two connections that flood is done by turns', async () => {
    const order: string[] = [];
    const links = await Promise.all(
      ['a', 'b'].map(async (name) => {
        const link = await serverOverTcp({ on: { onMessage: () => void order.push(name) } });
        link.connection.pause();
        link.peer.send(...Array.from({ length: 2000 }, () => frameFor('server', 1, '')));
        return link;
      }),
    );
    await turns(20);
    for (const { connection } of links) connection.resume();
    await until(() => order.length === 4000);
    const runs = order.join('').match(/a+|b+/g) as string[];
    expect(runs.length).toBeGreaterThan(10);
    const longest = Math.max(...runs.slice(0, -1).map(({ length }) => length));
    expect(longest).toBeLessThanOrEqual(512);
  });
});
