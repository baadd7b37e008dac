import WebSocket from './lib/websocket.js';
import WebSocketServer from './lib/websocket-server.js';

export const { createWebSocketStream, extension, PerMessageDeflate, Receiver, Sender, subprotocol } = WebSocket;
export { WebSocket, WebSocketServer };
export default WebSocket;
