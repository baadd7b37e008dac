import { ERROR_CODE, WebSocketError } from '../protocol/errors.js';

/**
 * What becomes of a message for a peer that is more than `maxBackpressure` bytes behind: it ends the connection; it is dropped
 * and counted; or it is not sent, and the promise of `send` rejects.
 */
export type SlowPeer = 'terminate' | 'drop' | 'wait';

/** What ends a connection with `slowPeer: 'terminate'`. @param waiting bytes */
export function slowPeerError(waiting: number): WebSocketError {
  return new WebSocketError(`The peer is too slow: ${backlog(waiting)}`, ERROR_CODE.SLOW_PEER);
}

/** What `send` rejects with, with `slowPeer: 'wait'`. @param waiting bytes */
export function backpressureError(waiting: number): WebSocketError {
  return new WebSocketError(`Not sent: ${backlog(waiting)}`, ERROR_CODE.BACKPRESSURE);
}

function backlog(waiting: number): string {
  return `${waiting} bytes wait to be written, more than maxBackpressure`;
}
