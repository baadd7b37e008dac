// What these typings know and @types/ws does not.

import type { PeerCertificate } from 'node:tls';
import WebSocket, { extension, PerMessageDeflate, Receiver, Sender, subprotocol, type WebSocketServer } from 'ws';

export function additions(ws: WebSocket): unknown[] {
  ws.binaryType = 'blob';
  ws.ping('data', (error: Error) => void error);
  const limits = { maxPendingAutoPongs: 10, closeTimeout: 1000, throwUnlistened: true };
  new WebSocket('wss://localhost', { ...limits, servername: 'a', lookup: undefined, autoSelectFamily: true });
  new WebSocket('wss://localhost', { checkServerIdentity: (_host: string, _cert: PeerCertificate) => undefined });
  new WebSocket(null, undefined, { autoPong: false });
  const server: WebSocketServer = new WebSocket.Server({ noServer: true, ...limits });
  const frame: Buffer[] = Sender.frame('text', { opcode: 1, fin: true, rsv1: false, mask: true, readOnly: true });
  const receiver: Receiver = new Receiver({ isServer: true });
  receiver._write(frame[0], 'utf8', () => {});
  const offers = new PerMessageDeflate({ isServer: true }).accept(
    extension.parse('permessage-deflate')['permessage-deflate'],
  );
  const statics = [WebSocket.WebSocket, WebSocket.WebSocketServer, WebSocket.Sender, WebSocket.Receiver] as const;
  const sender = new WebSocket.Sender(receiver as never);
  sender.sendFrame(frame, () => {});
  return [server, offers.client_max_window_bits, extension.format({ a: [{}] }), subprotocol.parse('a').size, statics];
}
