import * as extension from './ws/extension.js';
import { PerMessageDeflate } from './ws/permessage-deflate.js';
import { Receiver } from './ws/receiver.js';
import { Sender } from './ws/sender.js';
import { createWebSocketStream } from './ws/stream.js';
import * as subprotocol from './ws/subprotocol.js';
import { WebSocket } from './ws/websocket.js';
import { WebSocketServer } from './ws/websocket-server.js';

/** As `require('ws')` returns it: the class, with everything else as its properties. */
export = Object.assign(WebSocket, {
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
