import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { frameFor } from '../support/framer.js';
import { type Program, runNode } from '../support/program.js';
import { requestText } from '../support/raw-peer.js';
import { aWhile } from '../support/servers.js';

/** Every kind of server, each beside a listener that ignores what is not its own; prints the port. */
const SERVING = `
  const { serve, acceptUpgrades, newWebSocket } = require('./build/index.js');
  const { WebSocketServer } = require('./build/ws.js');
  const tls = process.env.TLS && JSON.parse(process.env.TLS);
  const create = () => (tls ? require('node:https').createServer(tls) : require('node:http').createServer());
  const slowly = (request) => request.url.startsWith('/slow') ? new Promise((go) => setTimeout(go, 20)) : undefined;
  const limits = { handshakeTimeout: 150 };
  const handlers = {
    ...limits,
    upgrade: slowly,
    message: (ws, data) => { ws.send(data); },
    request: (request, response) => setTimeout(() => response.end('plain'), 20),
    error() {},
  };
  const start = {
    serve: () => serve({ host: '127.0.0.1', tls, ...handlers }),
    'serve({ server })': async () => {
      const server = create().on('upgrade', () => {});
      await serve({ server, path: '/ws', ...handlers });
      server.on('request', handlers.request);
      return server.listen(0, '127.0.0.1');
    },
    acceptUpgrades: () => {
      const server = create().on('upgrade', () => {}).on('request', async (request, response) => {
        if (!request.headers.upgrade) return handlers.request(request, response);
        await slowly(request);
        const ws = await newWebSocket(request);
        for await (const message of ws) ws.send(message);
      });
      acceptUpgrades(server, { path: '/ws', ...limits, onError() {} });
      acceptUpgrades(server, { path: '/slow', ...limits, onError() {} });
      return server.listen(0, '127.0.0.1');
    },
    'wasock/ws': () => {
      const server = create().on('request', handlers.request);
      const verifyClient = ({ req }, done) => void Promise.resolve(slowly(req)).then(() => done(true));
      new WebSocketServer({ server, verifyClient }).on('connection', (ws) => {
        ws.on('error', () => {}).on('message', (data) => ws.send(data));
      });
      return server.listen(0, '127.0.0.1');
    },
  }[process.argv[1]];
  const announce = (server) => console.log('port', server.port ?? server.address().port);
  Promise.resolve(start()).then((server) => (server.port || server.listening ? announce(server) : server.once('listening', () => announce(server))));
`;

const to = (path: string, changes = {}) => requestText(changes, `GET ${path} HTTP/1.1`);
const FRAME = frameFor('server', 1, 'hello');

/** What a client has sent when its connection breaks. */
const STAGES: Record<string, string> = {
  nothing: '',
  'half a head': to('/ws').slice(0, 60),
  'a handshake': to('/ws'),
  'a handshake and frames': to('/ws') + FRAME.toString('latin1').repeat(200),
  'a handshake whose answer takes time': to('/slow'),
  'the same, and frames': to('/slow') + FRAME.toString('latin1').repeat(200),
  'the same, and too many': to('/slow') + 'x'.repeat(200_000),
  'a handshake that is refused': to('/ws', { 'Sec-WebSocket-Version': '7' }),
  'a handshake that nobody claims': to('/foreign'),
  'an upgrade to another protocol': 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  'a handshake behind another request': `GET / HTTP/1.1\r\nHost: x\r\n\r\n${to('/ws')}`,
  'a foreign handshake behind another request': `GET / HTTP/1.1\r\nHost: x\r\n\r\n${to('/foreign')}`,
  'no HTTP': 'hello\r\n\r\n',
};

/** When it breaks: at once, while the answer is on its way, after it, and after the time for the handshake. */
const DELAYS = [0, 2, 35, 240];

async function dial(port: number, secure: boolean): Promise<{ raw: Socket; stream: Socket }> {
  const raw = net.connect(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void raw.destroy());
  await once(raw, 'connect');
  if (!secure) return { raw, stream: raw };
  const stream = tls.connect({ socket: raw, rejectUnauthorized: false }).on('error', () => {});
  await once(stream, 'secureConnect');
  return { raw, stream };
}

async function breakOff(port: number, secure: boolean, octets: string, delay: number): Promise<void> {
  const { raw, stream } = await dial(port, secure);
  stream.write(octets, 'latin1');
  await (delay === 0 ? new Promise((resolve) => setImmediate(resolve)) : aWhile(delay));
  raw.resetAndDestroy();
}

async function isServing(port: number, secure: boolean): Promise<string> {
  const { stream } = await dial(port, secure);
  stream.write(to('/ws'));
  const [answer] = (await once(stream, 'data')) as [Buffer];
  return answer.toString('latin1').split('\r\n')[0];
}

function started(kind: string, secure: boolean): Program {
  const pair = { cert: CERTIFICATE, key: PRIVATE_KEY };
  return runNode(['-e', SERVING, kind], secure ? { TLS: JSON.stringify(pair) } : {});
}

describe.each(['serve', 'serve({ server })', 'acceptUpgrades', 'wasock/ws'])('%s', (kind) => {
  test.each([
    ['TCP', false],
    ['TLS', true],
  ])(
    'hostile.T-01: lives on over %s, whatever its clients have sent when their connections break',
    async (_name, secure) => {
      const program = started(kind, secure);
      const port = Number((await program.printed(/port (\d+)/))[1]);
      for (const octets of Object.values(STAGES)) {
        await Promise.all(DELAYS.map((delay) => breakOff(port, secure, octets, delay)));
      }
      if (secure) {
        // In the middle of its TLS handshake, and before.
        for (const octets of ['', '\x16\x03\x01\x02\x00\x01\x00', 'GET / HTTP/1.1\r\n'])
          await breakOff(port, false, octets, 20);
      }
      await aWhile(100);
      expect([await isServing(port, secure), program.stderr]).toEqual(['HTTP/1.1 101 Switching Protocols', '']);
    },
  );
});
