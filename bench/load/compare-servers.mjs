// The servers that compare.mjs puts both generators to: node compare-servers.mjs NAME [fanout], all defaults but what is set here.
import { createServer } from 'node:net';

const [name, fansOut] = process.argv.slice(2);
const print = (port) => console.log(JSON.stringify({ port }));

const SERVERS = {
  async ws() {
    const { WebSocketServer } = await import('ws');
    const server = new WebSocketServer({ port: 0 }, () => print(server.address().port));
    const receivers = (ws) => (fansOut ? server.clients : [ws]);
    server.on('connection', (ws) => {
      ws.on('message', (data, binary) => {
        for (const receiver of receivers(ws)) receiver.send(data, { binary });
      });
    });
  },

  async uws() {
    const { default: uws } = await import('@trufflesuite/uws-js-unofficial');
    const app = uws.App();
    const echo = (ws, data, isBinary) => ws.send(data, isBinary);
    const publish = (_ws, data, isBinary) => app.publish('all', data, isBinary);
    app.ws('/*', {
      maxPayloadLength: 2 ** 20,
      idleTimeout: 0,
      maxBackpressure: 2 ** 26,
      open: (ws) => ws.subscribe('all'),
      message: fansOut ? publish : echo,
    });
    const port = await freePort();
    app.listen(port, () => print(port));
  },

  async wasock() {
    const { serve } = await import('../../build/index.mjs');
    const server = await serve({ maxPendingHandshakes: 2 ** 20, message: (ws, data) => void ws.send(data) });
    print(server.port);
  },
};

/** This release of uWebSockets.js does not tell which port it was given. */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

await SERVERS[name]();
