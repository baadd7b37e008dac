// As isomorphic-ws and other CommonJS modules take npm `ws`. Compiles against both typings.

import type { IncomingMessage } from 'node:http';

import WebSocket = require('ws');
import ws = require('ws');

class Socket extends WebSocket {
  id = 0;
}

const server = new WebSocket.Server<typeof Socket>({ noServer: true, WebSocket: Socket });
const same: WebSocket.Server = new ws.WebSocketServer({ noServer: true });
const socket: WebSocket = new ws.WebSocket('ws://localhost');
const again: ws.WebSocket = new WebSocket('ws://localhost', {
  perMessageDeflate: false,
} satisfies WebSocket.ClientOptions);
server.on('connection', (client: Socket, request: IncomingMessage) => void [client.id, request.url]);
for (const client of same.clients) client.terminate();

export const all: [WebSocket.Data, WebSocket.RawData, WebSocket.AddressInfo | null, WebSocket.WebSocketServer] = [
  '',
  Buffer.from(''),
  null,
  same,
];
export const event = (handle: (event: WebSocket.MessageEvent) => void): unknown =>
  socket.addEventListener('message', handle);
export const duplex = WebSocket.createWebSocketStream(again, { readableObjectMode: true });
export type Verify = WebSocket.VerifyClientCallbackAsync<IncomingMessage> | WebSocket.VerifyClientCallbackSync;
export type Server = WebSocket.Server<typeof Socket, typeof IncomingMessage>;
