import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { announce, setup, tls } from './announce.mjs';
import { perMessageDeflate } from './compression.mjs';

/**
 * A server written against npm ws, all defaults but compression where it is asked for. Text goes back as the bytes that came, which costs less than a string would,
 * or as a string.
 */
export function serveWith(WebSocketServer, about) {
  const http = tls ? createHttpsServer(tls) : createHttpServer();
  const options = perMessageDeflate ? { perMessageDeflate } : {};
  const server = new WebSocketServer({ server: http, ...options });
  server.on('connection', (ws) => {
    ws.on('error', () => {});
    ws.on('message', setup.fanout ? publish : setup.strings ? echoString : echo);

    function echo(data, isBinary) {
      ws.send(data, { binary: isBinary });
    }

    function echoString(data) {
      ws.send(data.toString());
    }
  });

  function publish(data, isBinary) {
    for (const client of server.clients) client.send(data, { binary: isBinary });
  }

  http.listen(0, () => announce({ port: http.address().port, about, options }));
}
