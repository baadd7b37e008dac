/** The states of a WebSocket, with the same numbers as in browsers. */
export const ReadyState = {
  /**
   * The opening handshake is under way. A socket of this library never has this state: it exists only once it is open.
   */
  Connecting: 0,
  Open: 1,
  /** The closing handshake is under way. */
  Closing: 2,
  Closed: 3,
} as const;

/** One of the values of `ReadyState`. */
export type ReadyState = (typeof ReadyState)[keyof typeof ReadyState];
