import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';

/** Gets what a transport reads. */
export interface ReadEvents {
  /**
   * The peer's next bytes are at the start of the receive window, until the call returns.
   *
   * @returns whether to read on. After `false` the transport waits for `resume`, but other code may make the socket
   *   read
   */
  onWindow(length: number): boolean;
  /** The peer's next bytes, whose memory is the connection's from now on. @returns as `onWindow` */
  onChunk(chunk: Buffer): boolean;
  /** The peer will send no more. */
  onEnd(): void;
}

/** Hears of the ends of writes. */
export interface WriteEvents {
  /** A write has ended that the kernel had not taken whole at once. */
  onWritten(): void;
}

/** Hears of what happens on a transport. */
export interface TransportEvents {
  readonly inbox: ReadEvents;
  readonly outbox: WriteEvents;
  /** The stream broke; `onClose` follows. */
  onError(error: Error): void;
  /** The stream is closed. The last event. */
  onClose(): void;
}

/** The byte stream under a connection, of a server or of a client. */
export interface Transport {
  readonly socket: Duplex;
  /**
   * Whether the memory of a part is free after its write has ended. This is so for sockets, whose writes end in the
   * kernel or in a cipher. A stream in memory may pass the part itself to a reader that keeps it.
   */
  readonly releasesMemory: boolean;
  /** Bytes of the current write that the kernel has not taken; `Infinity` if this cannot be seen. */
  readonly queuedBytes: number;
  /** Starts reporting what the peer sends. Call it once. If the socket was paused, call `resume` as well. */
  start(): void;
  /** Reads on. */
  resume(): void;
  /** Makes the socket report that it is paused. What it reads anyway is still reported. */
  markPaused(): void;
  /** Makes the socket report that it is not paused. */
  markResumed(): void;
  /**
   * Writes a part. The caller may write again only after this returned `true`, or after `onWritten`.
   *
   * @returns whether the kernel took everything at once, so that the memory of the part is free. If not, `onWritten`
   *   tells when it is
   */
  write(part: Uint8Array): boolean;
  /** Writes all parts in order, with one system call if possible. Otherwise as `write`. */
  writeAll(parts: readonly Uint8Array[]): boolean;
  /** Sends FIN after what was written. */
  end(): void;
  /** Call it after the peer's FIN: if that was really an RST, the socket fails now, on transports that can see it. */
  probe(): void;
  /** Ends both directions at once and frees the descriptor. */
  destroy(): void;
  /** As `destroy`, but after a cipher has passed on to the kernel what it was given in this turn. */
  destroySoon(): void;
}
