import { expect, onTestFinished } from 'vitest';
import type { ServerOptions, WebSocket } from 'ws';
import type { Role } from '../../src/protocol/frame-rules.js';
import { inflated } from '../support/deflate-stream.js';
import type { ParsedFrame } from '../support/frame-parser.js';
import { FramePeer } from '../support/frame-peer.js';
import { prose } from '../support/messages.js';
import { tcpPair } from '../support/sockets.js';
import { type Implementation, inner } from './implementations.js';

export const NAME = 'permessage-deflate';
export const RSV1 = 0x40;
export const BOTH = 'server_no_context_takeover; client_no_context_takeover';

export interface Setting {
  readonly role?: Role;
  /** As they stand in the header field. */
  readonly parameters?: string;
  /** Of the extension. */
  readonly options?: object;
  /** Of the socket. */
  readonly socketOptions?: ServerOptions;
  /** Whose extension it is. Default: that of the socket's implementation. */
  readonly by?: Implementation;
}

/** A socket whose extension is set from outside, as mockttp does; and its peer, which sees frames. */
export async function openWith(
  impl: Implementation,
  setting: Setting = {},
): Promise<{ ws: WebSocket; peer: FramePeer }> {
  const { role = 'server', parameters = BOTH, options, socketOptions, by = impl } = setting;
  const { near, far } = await tcpPair();
  const extension = new by.PerMessageDeflate({ ...options, isServer: role === 'server' });
  extension.accept(by.extension.parse(parameters === '' ? NAME : `${NAME}; ${parameters}`)[NAME]);
  const ws = new impl.WebSocket(null as never, undefined, { autoPong: true, closeTimeout: 30_000 } as never);
  inner(ws)._isServer = role === 'server';
  inner(ws)._extensions = { [NAME]: extension };
  inner(ws).setSocket(near, Buffer.alloc(0), { maxPayload: 0, ...socketOptions });
  ws.on('error', () => {});
  onTestFinished(() => ws.terminate());
  expect(ws.extensions).toBe(NAME);
  return { ws, peer: new FramePeer(far) };
}

/** The message of some frames. */
export function messageOf(frames: readonly ParsedFrame[]): Buffer {
  const payload = Buffer.concat(frames.map((frame) => frame.payload));
  return frames[0].rsv === RSV1 ? inflated(payload) : payload;
}

export const TEXT = prose(5000).toString();
