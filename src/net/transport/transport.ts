import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';

/** Who is told what a transport reads. */
export interface ReadEvents {
  /**
   * The peer's next bytes stand in the receive window, from its start on; they are there until the call returns.
   *
   * @returns whether to read on; after `false` the transport waits for `resume`, though others may make the socket read
   */
  onWindow(length: number): boolean;
  /** The peer's next bytes, which are the connection's from now on. @returns as `onWindow` */
  onChunk(chunk: Buffer): boolean;
  /** The peer will send no more. */
  onEnd(): void;
}

/** Who is told what has become of writes. */
export interface WriteEvents {
  /** A write ended that the kernel had not taken whole at once. */
  onWritten(): void;
}

/** Whom a transport tells what happens. */
export interface TransportEvents {
  readonly inbox: ReadEvents;
  readonly outbox: WriteEvents;
  /** The stream broke; `onClose` follows. */
  onError(error: Error): void;
  /** The stream is closed. The last event. */
  onClose(): void;
}

/** One direction-neutral byte stream under a connection. */
export interface Transport {
  readonly socket: Duplex;
  /**
   * Whether the memory of a part is free once its write has ended. True of sockets, whose writes end in the kernel or in
   * a cipher; a stream in memory may hand the very part to a reader who keeps it.
   */
  readonly releasesMemory: boolean;
  /** Bytes of the write under way that the kernel has not taken; all of them, `Infinity`, if that cannot be seen. */
  readonly queuedBytes: number;
  /** Starts reporting what the peer sends. Call once; if the socket was paused, call `resume` too. */
  start(): void;
  /** Reads on. */
  resume(): void;
  /** Has the socket say that it is paused; what it reads all the same is told. */
  markPaused(): void;
  /** Has the socket say that it is not paused. */
  markResumed(): void;
  /**
   * Writes a part. The caller may write again only after this returned `true`, or after `onWritten`.
   *
   * @returns whether the kernel took everything at once, so that the memory of the part is free; if not, `onWritten` tells when
   */
  write(part: Uint8Array): boolean;
  /** As `write`, all parts in order, with one system call where that is possible. */
  writeAll(parts: readonly Uint8Array[]): boolean;
  /** Sends FIN behind what was written. */
  end(): void;
  /** After the peer's FIN: makes the socket fail now if that was really an RST, where that can be seen. */
  probe(): void;
  /** Ends both directions at once and frees the descriptor. */
  destroy(): void;
  /** As `destroy`, but after a cipher has handed over to the kernel what it was given in this turn. */
  destroySoon(): void;
}
