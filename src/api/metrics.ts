import type { BrokerStatus } from '../broker/broker.js';
import type { ServerBroker } from '../broker/session.js';
import type { RefusalReason } from '../handshake/refusal.js';

/**
 * What `server.metrics()` returns: counters, which only grow, and gauges, which go up and down. It is a plain object
 * that is the caller's. It shows the moment of the call, and does not change later.
 */
export interface ServerMetrics {
  /** Gauge: sockets that are open or closing. */
  connectionsOpen: number;
  /** Counter: sockets that were opened. */
  connectionsTotal: number;
  /** Gauge: sockets that the server does not read from, because of `pause`, a full queue of messages or `rateLimit`. */
  connectionsPaused: number;
  /** Counter: whole Text and Binary messages that were received. In raw mode, their last frames. */
  messagesReceived: number;
  /** Counter: received messages that were compressed. */
  compressedMessagesReceived: number;
  /** Counter: bytes of the received messages, after inflating. In raw mode, bytes of each received data frame. */
  payloadBytesReceived: number;
  /** Counter: bytes of the received frames, headers included, before inflating. With TLS, after decryption. */
  wireBytesReceived: number;
  /** Counter: Text and Binary messages that were sent. A published message counts once for each socket. */
  messagesSent: number;
  /** Counter: sent messages that were compressed. */
  compressedMessagesSent: number;
  /** Counter: bytes of the sent messages, before compression. */
  payloadBytesSent: number;
  /** Counter: bytes of frames that the kernel has taken, headers included. With TLS, before encryption. */
  wireBytesSent: number;
  /** Gauge: bytes of frames that wait for the kernel to take them: the sum of `ws.bufferedAmount`. */
  bufferedBytes: number;
  /** Counter: messages that were not sent because their peers were too slow: the sum of `ws.dropped`. */
  messagesDropped: number;
  /** Counter: sockets that were ended because their peers were too slow. */
  slowPeersEnded: number;
  /** Counter: how often `rateLimit` has stopped or closed a socket. */
  rateLimited: number;
  /** Counters: sockets that have closed, by close code (RFC 6455 §7.1.5), such as `{ '1000': 3 }`. */
  closesByCode: Record<string, number>;
  /** Counters: opening handshakes that were refused, by reason. A reason that has not occurred is absent. */
  handshakesRefused: Partial<Record<RefusalReason, number>>;
  /** Gauge: opening handshakes that wait for an answer. */
  handshakesPending: number;
  /** The metrics of `server.broker`; `null` without a broker. */
  broker: BrokerMetrics | null;
}

/** Metrics of the broker of one server. */
export interface BrokerMetrics {
  /** The state of the broker. */
  status: BrokerStatus;
  /** Gauge: bytes that were published and that the broker does not have yet. */
  buffered: number;
  /** Counter: messages of this process that will not reach the others. */
  dropped: number;
  /** Counter: gaps in the messages of other processes. */
  gaps: number;
  /** Counters: payloads from the broker that were rejected, by what is wrong with them; see `ServerBroker.rejected`. */
  rejected: ServerBroker['rejected'];
}
