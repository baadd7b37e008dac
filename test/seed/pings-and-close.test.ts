import { describe, expect, test } from 'vitest';
import { Opcode, ReadyState, WebSocketClosedError } from '../../src/index.js';
import { frameFor } from '../support/framer.js';
import { RawServer } from '../support/raw-peer.js';
import { acceptedSocket, aWhile, connected, rejection, settles } from '../support/servers.js';

describe('pings', () => {
  test('seed.P1: both ends may send a Ping with data', async () => {
    const { ws, peer } = await acceptedSocket();
    ws.ping('data');
    expect((await peer.take(6)).toString('latin1')).toBe('\x89\x04data');
    const server = await RawServer.listen();
    const opening = connected(server.url);
    const { peer: other } = await server.accept();
    (await opening).ping('data');
    expect((await other.take(10)).subarray(0, 2).toString('hex')).toBe('8984');
  });

  test('seed.P2: setupPings pings at once and then again and again, with an empty payload', async () => {
    const { ws, peer } = await acceptedSocket({ pingInterval: 0 });
    const stop = ws.setupPings(0.05);
    expect((await peer.take(6)).toString('hex')).toBe('890089008900');
    stop();
    expect(ws.readyState).toBe(ReadyState.Open);
  });

  test('seed.P2: timeout closes a connection that does not answer', async () => {
    const { ws, peer } = await acceptedSocket({ pingInterval: 0 });
    ws.setupPings(10, { timeout: 80 });
    const error = await rejection(ws.receivePacket());
    expect(error).toMatchObject({ closeCode: 1006, cause: { code: 'WASOCK_PONG_TIMEOUT' } });
    expect((await peer.takeAll()).toString('hex')).toBe('8900');
  });

  test('seed.P2: a connection that answers stays', async () => {
    const { ws, peer } = await acceptedSocket({ pingInterval: 0 });
    ws.setupPings(0.1, { timeout: 300 });
    for (let i = 0; i < 6; i++) {
      expect((await peer.take(2)).toString('hex')).toBe('8900');
      peer.write(frameFor('server', Opcode.Pong));
    }
    expect(ws.readyState).toBe(ReadyState.Open);
  });

  test('seed.P2: on a socket that is closed setupPings does nothing', async () => {
    const { ws, peer } = await acceptedSocket();
    ws.hangup();
    ws.setupPings(0.05)();
    expect((await peer.takeAll()).length).toBe(0);
  });
});

describe('closing', () => {
  test("seed.P3: close sends Close behind the data and waits for the peer's", async () => {
    const { ws, peer } = await acceptedSocket();
    ws.send('data');
    const closed = ws.close();
    expect((await peer.take(10)).toString('hex')).toBe('810464617461' + '880203e8');
    expect(await settles(closed)).toBe(false);
    expect(peer.ended).toBe(false);
    peer.write(frameFor('server', Opcode.Close, Buffer.from([3, 232])));
    expect(await closed).toEqual({ closeCode: 1000, reason: '', wasClean: true });
    await peer.takeAll();
  });

  test('seed.P3: a peer that does not answer is left after closeTimeout', async () => {
    const { ws, peer } = await acceptedSocket({ closeTimeout: 60 });
    expect(await ws.close()).toEqual({ closeCode: 1006, reason: '', wasClean: false });
    expect((await peer.takeAll()).toString('hex')).toBe('880203e8');
  });

  test('seed.P4: hangup is Closed at once, and sends no Close frame', async () => {
    const { ws, peer } = await acceptedSocket();
    ws.hangup();
    expect(ws.readyState).toBe(ReadyState.Closed);
    expect((await peer.takeAll()).length).toBe(0);
    expect(await ws.closed).toEqual({ closeCode: 1006, reason: '', wasClean: false });
  });

  test('seed.P5: a second close or hangup, or a send after it, throws nothing', async () => {
    const { ws, peer } = await acceptedSocket();
    const first = ws.close(4000);
    const second = ws.close(4001);
    const sent = ws.send('too late');
    peer.write(frameFor('server', Opcode.Close, Buffer.from([0x0f, 0xa2])));
    expect(await first).toMatchObject({ closeCode: 4002 });
    expect(await second).toMatchObject({ closeCode: 4002 });
    expect(await rejection(sent)).toBeInstanceOf(WebSocketClosedError);
    ws.hangup();
    ws.hangup();
    expect(await ws.close()).toMatchObject({ closeCode: 4002 });
    expect((await peer.takeAll()).toString('hex')).toBe('88020fa0');
  });

  test.each(['close', 'hangup'] as const)(
    'seed.P6: %s while another task receives: that one gets an error',
    async (how) => {
      const { ws, peer } = await acceptedSocket();
      const received = rejection(ws.receivePacket());
      await aWhile(20);
      ws[how]();
      if (how === 'close') peer.write(frameFor('server', Opcode.Close, Buffer.from([3, 232])));
      expect(await received).toBeInstanceOf(WebSocketClosedError);
    },
  );
});
