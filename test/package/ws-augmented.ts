// Members of its own on what npm `ws` exports, as applications declare them. Compiles against both typings.

import type * as WS from 'ws';
import type { WebSocket, WebSocketServer } from 'ws';

declare module 'ws' {
  interface WebSocket {
    isAlive: boolean;
  }
  interface WebSocketServer {
    namespaces: Map<string, number>;
  }
  interface Extra {
    tenant: string;
  }
}

export const count = (wss: WebSocketServer): number => wss.namespaces.size;
export const tenant = (extra: WS.Extra): string => extra.tenant;
export const alive = (wss: WebSocketServer): WebSocket[] => [...wss.clients].filter(({ isAlive }) => isAlive);
