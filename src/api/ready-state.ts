/** The states of a WebSocket, with the same numbers as in browsers: `ws.readyState` has one. @enum */
export const ReadyState = {
  /**
   * The opening handshake is under way. A socket of this library never has this state: it exists only once it is open.
   */
  Connecting: 0,
  /** Messages can be sent and received. */
  Open: 1,
  /** The connection is closing (RFC 6455 §7). No more messages can be sent. */
  Closing: 2,
  /** The connection is closed. */
  Closed: 3,
} as const;

/** One of the values of `ReadyState`. */
export type ReadyState = (typeof ReadyState)[keyof typeof ReadyState];
