// The whole of isomorphic-ws, and a use of it.

import WebSocket = require('ws');

export = WebSocket;
