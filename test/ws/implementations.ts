import { createRequire } from 'node:module';
import * as extension from '../../src/ws/extension.js';
import { PerMessageDeflate } from '../../src/ws/permessage-deflate.js';
import { Receiver } from '../../src/ws/receiver.js';
import { Sender } from '../../src/ws/sender.js';
import { createWebSocketStream } from '../../src/ws/stream.js';
import * as subprotocol from '../../src/ws/subprotocol.js';
import { WebSocket } from '../../src/ws/websocket.js';
import { WebSocketServer } from '../../src/ws/websocket-server.js';

/** What npm `ws` exports, as far as its typings know it; and what they do not know. */
export type Implementation = typeof import('ws') &
  // biome-ignore lint/suspicious/noExplicitAny: the typings do not know them
  Record<'Sender' | 'Receiver' | 'PerMessageDeflate' | 'extension' | 'subprotocol', any>;

export const WASOCK = Object.assign(WebSocket, {
  WebSocket,
  WebSocketServer,
  Server: WebSocketServer,
  createWebSocketStream,
  extension,
  PerMessageDeflate,
  Receiver,
  Sender,
  subprotocol,
}) as unknown as Implementation;

export const NPM_WS = createRequire(__filename)('ws') as Implementation;

/**
 * npm `ws` and the entry point that stands for it. What the contract says is expected of both, so that a test which misunderstands
 * `ws` fails.
 */
export const IMPLEMENTATIONS: readonly (readonly [name: string, impl: Implementation])[] = [
  ['npm ws', NPM_WS],
  ['wasock/ws', WASOCK],
];

/** The members that begin with `_`, which typings do not know. */
// biome-ignore lint/suspicious/noExplicitAny: undocumented
export const inner = (object: object): any => object;
