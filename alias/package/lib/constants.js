// Monitoring agents read here under which property a receiver has its WebSocket. The engine makes the same symbol.
module.exports = { kWebSocket: Symbol.for('wasock.ws.websocket') };
