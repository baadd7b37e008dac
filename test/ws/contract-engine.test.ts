import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { WINDOW_END, WINDOW_START } from '../../src/codec/memory-map.js';
import { codec } from '../../src/codec/select.js';
import { frameFor } from '../support/framer.js';
import { rawWebSocket } from '../support/raw-peer.js';
import { until } from '../support/waiting.js';
import { IMPLEMENTATIONS, WASOCK } from './implementations.js';
import { connect, listen } from './pairs.js';

describe('wasock/ws: the engine', () => {
  test('ws.C1: what is received is read into the memory of the codec', async () => {
    const { wss, url } = await listen(WASOCK);
    const connection = once(wss, 'connection');
    const peer = await rawWebSocket(Number(new URL(url).port));
    const [server] = await connection;
    const mark = Buffer.from('a mark that stands nowhere else');
    const message = once(server, 'message');
    peer.write(frameFor('server', 2, mark));
    expect(await message).toEqual([mark, true]);
    expect(codec.bytes.subarray(WINDOW_START, WINDOW_END).indexOf(mark)).toBeGreaterThan(-1);
  });

  test('ws.C1: what is sent in one turn leaves in one write', async () => {
    const { client, server } = await connect(WASOCK);
    // biome-ignore lint/suspicious/noExplicitAny: undocumented
    const handle = (server as any)._socket._handle;
    let writes = 0;
    for (const name of ['writeBuffer', 'writev']) {
      const original = handle[name];
      handle[name] = (...args: unknown[]) => {
        writes++;
        return Reflect.apply(original, handle, args);
      };
    }
    let received = 0;
    client.on('message', () => received++);
    for (let i = 0; i < 100; i++) server.send(`message ${i}`);
    await until(() => received === 100);
    expect(writes).toBe(1);
  });
});

describe.each(IMPLEMENTATIONS)('%s: the defaults', (_, impl) => {
  test('ws.C2: of a server', () => {
    const { options } = new impl.WebSocketServer({ noServer: true });
    expect(options).toMatchObject({
      allowSynchronousEvents: true,
      autoPong: true,
      clientTracking: true,
      closeTimeout: 30_000,
      maxBufferedChunks: 262_144,
      maxFragments: 16_384,
      maxPayload: 104_857_600,
      maxPendingAutoPongs: 60,
      perMessageDeflate: false,
      skipUTF8Validation: false,
      WebSocket: impl.WebSocket,
    });
  });

  test('ws.C2: any Origin may come in, versions 13 and 8 too, and no Pings are sent', async () => {
    const { wss, url } = await listen(impl);
    const port = Number(new URL(url).port);
    for (const version of ['13', '8']) {
      await rawWebSocket(port, { Origin: 'http://elsewhere', 'Sec-WebSocket-Version': version });
    }
    expect(wss.clients.size).toBe(2);
  });

  test.each([8, 13])('ws.C2: a client may say version %i', async (protocolVersion) => {
    const { wss } = await connect(impl, { clientOptions: { protocolVersion, origin: 'http://here' } });
    expect(wss.clients.size).toBe(1);
  });

  test('ws.C2: another version is a RangeError', () => {
    const error = new RangeError('Unsupported protocol version: 7 (supported versions: 8, 13)');
    expect(() => new impl.WebSocket('ws://127.0.0.1:1/', { protocolVersion: 7 })).toThrow(error);
  });
});
