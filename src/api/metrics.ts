import type { BrokerStatus } from '../broker/broker.js';
import type { ServerBroker } from '../broker/session.js';
import type { RefusalReason } from '../handshake/refusal.js';

/**
 * What `server.metrics()` returns: counters, which only grow, and gauges. It is a plain object that belongs to the caller
 * and does not change.
 */
export interface ServerMetrics {
  /** Gauge: sockets that are open, or closing. */
  connectionsOpen: number;
  /** Counter: sockets that were opened. */
  connectionsTotal: number;
  /** Gauge: sockets that the server does not read from, because of `pause`, a full queue of messages or `rateLimit`. */
  connectionsPaused: number;
  /** Counter: whole Text and Binary messages. In raw mode, the last frame of each. */
  messagesReceived: number;
  /** Counter: how many of these messages came compressed. */
  compressedMessagesReceived: number;
  /** Counter: bytes of these messages, inflated. In raw mode, of each data frame when it comes. */
  payloadBytesReceived: number;
  /** Counter: bytes of frames as they came, headers included. With TLS, they count decrypted. */
  wireBytesReceived: number;
  /** Counter: Text and Binary messages; a published one counts once for each socket. */
  messagesSent: number;
  /** Counter: how many of these messages left compressed. */
  compressedMessagesSent: number;
  /** Counter: bytes of these messages before they were compressed. */
  payloadBytesSent: number;
  /** Counter: bytes of frames that the kernel has taken, headers included. With TLS, they count before encryption. */
  wireBytesSent: number;
  /** Gauge: bytes of frames that were sent and that the kernel has not taken; the sum of `bufferedAmount`. */
  bufferedBytes: number;
  /** Counter: messages that were not sent because their peers were too far behind; the sum of `ws.dropped`. */
  messagesDropped: number;
  /** Counter: sockets that were ended because their peers were too far behind. */
  slowPeersEnded: number;
  /** Counter: how often `rateLimit` has stopped or closed a socket. */
  rateLimited: number;
  /** Counters: sockets that have closed, by close code (RFC 6455 §7.1.5). */
  closesByCode: Record<string, number>;
  /** Counters: opening handshakes that were refused, by reason. */
  handshakesRefused: Partial<Record<RefusalReason, number>>;
  /** Gauge: opening handshakes that wait for an answer. */
  handshakesPending: number;
  /** What `server.broker` says; `null` without one. */
  broker: BrokerMetrics | null;
}

/** The broker of one server. */
export interface BrokerMetrics {
  status: BrokerStatus;
  /** Gauge: published bytes that the broker does not have yet. */
  buffered: number;
  /** Counter: messages that will not reach the other processes. */
  dropped: number;
  /** Counter: gaps in what other processes have published. */
  gaps: number;
  /** Counters: payloads that no server of this library has written, by what is wrong with them. */
  rejected: ServerBroker['rejected'];
}
