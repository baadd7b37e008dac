import WebSocket from './lib/websocket.js';
import WebSocketServer from './lib/websocket-server.js';
import './lib/constants.js';
import './lib/receiver.js';

export const { createWebSocketStream, extension, PerMessageDeflate, Receiver, Sender, subprotocol } = WebSocket;
export { WebSocket, WebSocketServer };
export default WebSocket;
