import { CONTROL_BIT, RSV1 } from '../protocol/opcode.js';

/** Messages that wait to be sent. */
interface Waiting {
  readonly bytes: number;
}

/**
 * Counts what the connections of one server send and receive, and how they end. They share one object and update it as
 * they go, so that reading it costs the same however many connections there are.
 */
export class Counters {
  /** Whole Text and Binary messages; in raw mode, their last frames. */
  messagesReceived = 0;
  /** How many of these messages were compressed. */
  compressedMessagesReceived = 0;
  /** Bytes of these messages, inflated; in raw mode of all data frames. */
  payloadBytesReceived = 0;
  /** Bytes that the transports have brought after the opening handshakes; with TLS after decryption. */
  wireBytesReceived = 0;
  /** Text and Binary messages. A published message counts once for each socket. */
  messagesSent = 0;
  compressedMessagesSent = 0;
  /** Bytes of these messages before they were compressed. */
  payloadBytesSent = 0;
  /** Bytes that the transports have taken after the opening handshakes; with TLS before encryption. */
  wireBytesSent = 0;
  /** Bytes of frames that were appended to outboxes. Those that are neither sent nor discarded still wait. */
  wireBytesAppended = 0;
  /** Bytes of frames that waited when their connections ended. */
  wireBytesDiscarded = 0;
  /** Messages that wait for a message that is being compressed. */
  readonly queues = new Set<Waiting>();
  /** How many connections are not read from. */
  paused = 0;
  /** Messages that were not sent, because their peers were too slow. */
  messagesDropped = 0;
  slowPeersEnded = 0;
  /** How often a rate limit has stopped or ended a socket. */
  rateLimited = 0;
  /** How many connections have ended, by close code. */
  readonly closes = new Map<number, number>();

  /** Bytes that were sent and that the kernel has not taken. */
  get bufferedBytes(): number {
    let bytes = this.wireBytesAppended - this.wireBytesSent - this.wireBytesDiscarded;
    for (const queue of this.queues) bytes += queue.bytes;
    return bytes;
  }

  /** @param length bytes of its payload, inflated */
  countMessage(length: number, isInflated: boolean): void {
    this.messagesReceived++;
    this.payloadBytesReceived += length;
    if (isInflated) this.compressedMessagesReceived++;
  }

  /** @param length bytes of the message of each frame, before it was compressed */
  countFrames(count: number, firstOctet: number, length: number, frameLength: number): void {
    this.wireBytesAppended += count * frameLength;
    if ((firstOctet & CONTROL_BIT) !== 0) return;
    this.messagesSent += count;
    this.payloadBytesSent += count * length;
    if ((firstOctet & RSV1) !== 0) this.compressedMessagesSent += count;
  }

  countClose(closeCode: number): void {
    this.closes.set(closeCode, (this.closes.get(closeCode) ?? 0) + 1);
  }
}

/** For connections that belong to no server. */
export const UNCOUNTED = new Counters();
