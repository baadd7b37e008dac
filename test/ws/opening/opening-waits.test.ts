import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { WebSocket } from '../../../src/ws/websocket.js';
import { CERTIFICATE, PRIVATE_KEY } from '../../support/certificate.js';
import { tcpServer } from '../../support/http-servers.js';
import { answeringThread, blockLoop } from '../../support/stall.js';
import { turns } from '../../support/waiting.js';
import { agentOf, STAGES, Waiting } from '../../support/waiting-connections.js';

const ANYWHERE = 'ws://127.0.0.1:1/';

/** What a socket tells of its end, one entry for each event. */
function eventsOf(websocket: WebSocket): { readonly events: string[]; readonly closed: Promise<void> } {
  const events: string[] = [];
  websocket.on('error', (error: Error) => events.push(error.message));
  const closed = new Promise<void>((resolve) => {
    websocket.on('close', (code: number) => {
      events.push(String(code));
      resolve();
    });
  });
  return { events, closed };
}

describe('wasock/ws, before node:http has given the request a socket', () => {
  test.each(STAGES)('%s: handshakeTimeout ends the wait', async (_name, options) => {
    const { events, closed } = eventsOf(new WebSocket(ANYWHERE, { ...(await options()), handshakeTimeout: 50 }));
    await closed;
    expect(events).toEqual(['Opening handshake has timed out', '1006']);
  });

  test.each(STAGES)('%s: close and terminate end it', async (_name, options) => {
    for (const end of ['close', 'terminate'] as const) {
      const websocket = new WebSocket(ANYWHERE, { ...(await options()), handshakeTimeout: 60_000 });
      const { events, closed } = eventsOf(websocket);
      websocket[end]();
      await closed;
      expect(events).toEqual(['WebSocket was closed before the connection was established', '1006']);
    }
  });

  test('a socket that comes later is closed, an error that comes later harms nobody', async () => {
    const waiting = new Waiting();
    for (const way of [{ agent: agentOf(waiting.create) }, { createConnection: waiting.create }]) {
      for (let i = 0; i < 2; i++) await eventsOf(new WebSocket(ANYWHERE, { ...way, handshakeTimeout: 20 })).closed;
    }
    const url = await tcpServer((socket) => socket.resume());
    for (const [i, callback] of waiting.late.entries()) {
      if (i % 2 === 0) callback(new Error('no proxy'), undefined as never);
      else {
        const socket = net.connect(Number(url.port), '127.0.0.1');
        callback(null, socket);
        await once(socket, 'close');
        expect(socket.destroyed).toBe(true);
      }
    }
    await turns();
    expect(waiting.late).toHaveLength(4);
  });

  test('a socket that comes in time is used, and its silence counts', async () => {
    const waiting = new Waiting();
    const url = await tcpServer((socket) => socket.resume());
    const websocket = new WebSocket(ANYWHERE, { createConnection: waiting.create, handshakeTimeout: 60 });
    const { events, closed } = eventsOf(websocket);
    await turns();
    const socket = net.connect(Number(url.port), '127.0.0.1').setTimeout(60);
    waiting.late[0](null, socket);
    await closed;
    expect(events).toEqual(['Opening handshake has timed out', '1006']);
    expect(socket.destroyed).toBe(true);
  });
});

describe('wasock/ws, a 101 that waits in the kernel while our loop is blocked past handshakeTimeout', () => {
  test.each(['ws', 'wss'])('%s: is accepted', async (scheme) => {
    const thread = answeringThread(scheme === 'wss' ? { cert: CERTIFICATE, key: PRIVATE_KEY } : undefined);
    const url = `${scheme}://localhost:${await thread.told()}/`;
    const websocket = new WebSocket(url, { handshakeTimeout: 700, ca: CERTIFICATE });
    const opened = new Promise((resolve) => websocket.on('open', () => resolve('open')).on('error', resolve));
    await thread.told();
    blockLoop(1000);
    expect(await opened).toBe('open');
    websocket.terminate();
  });
});
