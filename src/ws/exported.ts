import * as extension from './extension.js';
import { PerMessageDeflate } from './permessage-deflate.js';
import { Receiver } from './receiver.js';
import { Sender } from './sender.js';
import { createWebSocketStream } from './stream.js';
import * as subprotocol from './subprotocol.js';
import { WebSocket } from './websocket.js';
import { WebSocketServer } from './websocket-server.js';

/** As `require('ws')` returns it: the class, with everything else as its properties. */
export const exported = Object.assign(WebSocket, {
  WebSocket,
  WebSocketServer,
  Server: WebSocketServer,
  createWebSocketStream,
  extension: { format: extension.format, parse: extension.parse },
  PerMessageDeflate,
  Receiver,
  Sender,
  subprotocol: { parse: subprotocol.parse },
});
