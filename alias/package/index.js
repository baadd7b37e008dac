const WebSocket = require('./lib/websocket.js');
const WebSocketServer = require('./lib/websocket-server.js');

// For agents that hook them. A receiver that is hooked gets the messages of every WebSocket.
require('./lib/constants.js');
require('./lib/receiver.js');

// The same, unless an agent has put classes of its own in their place.
WebSocket.WebSocket = WebSocket;
WebSocket.WebSocketServer = WebSocketServer;
WebSocket.Server = WebSocketServer;

module.exports = WebSocket;
