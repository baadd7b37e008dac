export type { AcceptOptions, UpgradeSource } from './api/accept-request.js';
export { acceptUpgrades } from './api/accept-upgrades.js';
export { codec } from './api/codec.js';
export type { Compression, CompressionOptions } from './api/compression.js';
export type { CloseOptions, Connections } from './api/connections.js';
export type { SocketHandlers } from './api/handler-delivery.js';
export type { ConnectionLimits, RequestLimits, ServerLimits } from './api/limits.js';
export type { Packet } from './api/message-queue.js';
export type { BrokerMetrics, ServerMetrics } from './api/metrics.js';
export { type ClientOptions, newWebSocket } from './api/new-websocket.js';
export type { Data, SendOptions } from './api/payload.js';
export { type PreparedMessage, prepare } from './api/prepared-message.js';
export { type Publisher, publisher } from './api/publisher.js';
export type { RateLimit } from './api/rate-limit.js';
export { ReadyState } from './api/ready-state.js';
export { type ServeOptions, type Server, serve, type UpgradeContext } from './api/serve.js';
export type { SlowPeer } from './api/slow-peer.js';
export type { UpgradeAnswer, UpgradeResult } from './api/upgrade-answer.js';
export type { AcceptUpgradesOptions, Upgrades } from './api/upgrades.js';
export { type DiagnosticsMessages, WebSocket } from './api/websocket.js';
export type { Broker, BrokerKey, BrokerOptions, BrokerStatus } from './broker/broker.js';
export type { BrokerDrop, BrokerGap, ServerBroker } from './broker/session.js';
export type { CodecKind } from './codec/codec.js';
export type { Pattern, Rule } from './handshake/origin.js';
export { type Refusal, type RefusalOptions, type RefusalReason, refuse } from './handshake/refusal.js';
export { type ExtraHeaders, isUpgrade, offeredProtocols, type UpgradeRequest } from './handshake/server.js';
export type { PathRule } from './net/opening/path-rule.js';
export { CloseCode } from './protocol/close-code.js';
export {
  type CloseResult,
  type HandshakeAnswer,
  WebSocketClosedError,
  WebSocketCreationError,
  WebSocketError,
  WebSocketFailedUpgradeError,
  WebSocketHandshakeError,
  WebSocketPacketTypeError,
  WebSocketProtocolError,
  WebSocketProtocolMismatchError,
} from './protocol/errors.js';
export { Opcode } from './protocol/opcode.js';
