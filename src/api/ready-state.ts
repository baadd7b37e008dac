/** The states of a WebSocket, with the numbers that browsers use too. */
export const ReadyState = {
  /** The opening handshake is under way. Never seen on a socket of this library, which exists once it is open. */
  Connecting: 0,
  Open: 1,
  /** The closing handshake is under way. */
  Closing: 2,
  Closed: 3,
} as const;

export type ReadyState = (typeof ReadyState)[keyof typeof ReadyState];
