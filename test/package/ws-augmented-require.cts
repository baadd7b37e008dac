// The same in CommonJS, where the typings are one namespace. Compiles against both typings.

import WebSocket = require('ws');

declare module 'ws' {
  interface WebSocket {
    isAlive: boolean;
  }
  interface ServerOptions {
    tenant?: string;
  }
}

export const isAlive = (socket: WebSocket.WebSocket): boolean => socket.isAlive && socket.readyState === WebSocket.OPEN;
export const options: WebSocket.ServerOptions = { noServer: true, tenant: 'a' };
