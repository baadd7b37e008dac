import { once } from 'node:events';
import { rmSync } from 'node:fs';
import http, { createServer, type RequestOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ClientOptions, WebSocket } from 'ws';
import { CERTIFICATE, PRIVATE_KEY } from '../../support/certificate.js';
import { RawServer } from '../../support/raw-peer.js';
import { IMPLEMENTATIONS } from '../implementations.js';
import { connect, listen } from '../pairs.js';

describe.each(IMPLEMENTATIONS)('%s: the options of a client', (_, impl) => {
  /** Opens, exchanges a message, and closes. */
  async function exchange(ws: WebSocket): Promise<void> {
    onTestFinished(() => ws.terminate());
    await once(ws, 'open');
    const message = once(ws, 'message');
    ws.send('there and back');
    expect(String((await message)[0])).toBe('there and back');
    ws.close();
    await once(ws, 'close');
  }

  const echo = (ws: WebSocket) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));

  test('ws.V3: an agent makes the connection', async () => {
    const { wss, url } = await listen(impl);
    wss.on('connection', echo);
    const agent = new http.Agent();
    const created = vi.spyOn(agent as unknown as { createConnection(): Socket }, 'createConnection');
    await exchange(new impl.WebSocket(url, { agent }));
    expect(created).toHaveBeenCalledOnce();
  });

  test('ws.V3: createConnection makes the connection, with the options of the request', async () => {
    const { wss, url } = await listen(impl);
    wss.on('connection', echo);
    const asked: RequestOptions[] = [];
    const createConnection = ((options: RequestOptions) => {
      asked.push(options);
      return net.connect(Number(options.port), String(options.host));
    }) as unknown as ClientOptions['createConnection'];
    await exchange(new impl.WebSocket(`${url}path?query`, { createConnection }));
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ host: '127.0.0.1', port: new URL(url).port });
  });

  test('ws.V3: finishRequest may change the request, and has to end it', async () => {
    const { wss, url } = await listen(impl);
    wss.on('connection', echo);
    const request = once(wss, 'connection').then(([, { headers }]) => headers);
    const finishRequest = vi.fn((sent, websocket) => {
      sent.setHeader('X-Late', 'yes');
      setImmediate(() => sent.end());
      expect(websocket).toBeInstanceOf(impl.WebSocket);
    });
    await exchange(new impl.WebSocket(url, { finishRequest }));
    expect((await request)['x-late']).toBe('yes');
    expect(finishRequest).toHaveBeenCalledOnce();
  });

  test('ws.M6: a Unix socket, with the path of the request behind a colon', async () => {
    const socketPath = path.join(tmpdir(), `${process.pid}-${Math.trunc(performance.now() * 1000)}.sock`);
    const server = createServer();
    const wss = new impl.WebSocketServer({ server });
    wss.on('connection', echo);
    const urls: unknown[] = [];
    wss.on('connection', (_ws, request) => urls.push(request.url));
    server.listen(socketPath);
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      rmSync(socketPath, { force: true });
    });
    await exchange(new impl.WebSocket(`ws+unix:${socketPath}:/path?query`));
    expect(urls).toEqual(['/path?query']);
  });

  test('ws.C2: generateMask writes the masking keys', async () => {
    const raw = await RawServer.listen();
    const generateMask = (mask: Buffer) => void mask.set([1, 2, 3, 4]);
    const ws = new impl.WebSocket(raw.url, { generateMask });
    onTestFinished(() => ws.terminate());
    const [{ peer }] = await Promise.all([raw.accept(), once(ws, 'open')]);
    ws.send(Buffer.from([0, 0, 0, 0, 9]));
    expect([...(await peer.take(11))]).toEqual([0x82, 0x85, 1, 2, 3, 4, 1, 2, 3, 4, 8]);
  });

  test('ws.C2: without generateMask no two frames have the same key', async () => {
    const raw = await RawServer.listen();
    const ws = new impl.WebSocket(raw.url);
    onTestFinished(() => ws.terminate());
    const [{ peer }] = await Promise.all([raw.accept(), once(ws, 'open')]);
    for (let i = 0; i < 20; i++) ws.send('x');
    const octets = await peer.take(20 * 7);
    const keys = Array.from({ length: 20 }, (_unused, i) => octets.readUInt32BE(i * 7 + 2));
    expect(new Set(keys).size).toBe(20);
  });

  test('ws.V3: wss, with the options of tls.connect; a certificate that nobody vouches for is refused', async () => {
    const server = createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY });
    const wss = new impl.WebSocketServer({ server });
    wss.on('connection', echo);
    const secure: unknown[] = [];
    wss.options.verifyClient = (info: { secure: boolean }) => secure.push(info.secure) > 0;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const url = `wss://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const ws = new impl.WebSocket(url, { rejectUnauthorized: false });
    await once(ws, 'open');
    expect((ws as unknown as { _socket: unknown })._socket).toBeInstanceOf(tls.TLSSocket);
    const message = once(ws, 'message');
    const octets = Buffer.alloc(200_000, 'tls');
    ws.send(octets);
    expect(await message).toEqual([octets, true]);
    ws.close();
    await once(ws, 'close');
    expect(secure).toEqual([true]);
    const refused = new impl.WebSocket(url);
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => refused.on('error', resolve));
    expect(error.code).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/);
  });

  test('ws.V3: headers and origin go along; lookup finds the host', async () => {
    const { wss, url } = await listen(impl);
    wss.on('connection', echo);
    const request = once(wss, 'connection').then(([, { headers }]) => headers);
    const hosts: string[] = [];
    const lookup = (
      host: string,
      _options: object,
      callback: (error: null, found: object[] | string, family?: number) => void,
    ) => {
      hosts.push(host);
      const isAll = (_options as { all?: boolean }).all;
      if (isAll) callback(null, [{ address: '127.0.0.1', family: 4 }]);
      else callback(null, '127.0.0.1', 4);
    };
    const options = { lookup, origin: 'http://here', headers: { 'X-One': '1' } };
    await exchange(new impl.WebSocket(url.replace('127.0.0.1', 'nowhere.test'), options as ClientOptions));
    expect(hosts).toEqual(['nowhere.test']);
    expect(await request).toMatchObject({
      origin: 'http://here',
      'x-one': '1',
      host: `nowhere.test:${new URL(url).port}`,
    });
  });

  test('ws.C2: perMessageDeflate may be asked for; what goes over the wire is a message', async () => {
    const { client, server } = await connect(impl, {
      serverOptions: { perMessageDeflate: { threshold: 0 } },
      clientOptions: { perMessageDeflate: true },
    });
    const message = once(server, 'message');
    client.send('x'.repeat(10_000), { compress: true });
    expect(String((await message)[0])).toHaveLength(10_000);
  });
});
