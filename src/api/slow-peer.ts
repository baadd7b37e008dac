import { ERROR_CODE, WebSocketError } from '../protocol/errors.js';

/**
 * What happens to a message if more than `maxBackpressure` bytes wait to be written to its peer.
 *
 * - `'terminate'`: the connection ends with close code 1006, and the error is `WASOCK_SLOW_PEER`.
 * - `'drop'`: the message is not sent, and `ws.dropped` counts it.
 * - `'wait'`: the message is not sent, and the promise of `send` rejects with `WASOCK_BACKPRESSURE`. For a published
 *   message there is no such promise, so it is handled as with `'drop'`.
 */
export type SlowPeer = 'terminate' | 'drop' | 'wait';

/** The error with which `slowPeer: 'terminate'` ends a connection. @param waiting bytes that wait to be written */
export function slowPeerError(waiting: number): WebSocketError {
  return new WebSocketError(`The peer is too slow: ${backlog(waiting)}`, ERROR_CODE.SLOW_PEER);
}

/** The error with which `send` rejects if `slowPeer` is `'wait'`. @param waiting bytes that wait to be written */
export function backpressureError(waiting: number): WebSocketError {
  return new WebSocketError(`Not sent: ${backlog(waiting)}`, ERROR_CODE.BACKPRESSURE);
}

function backlog(waiting: number): string {
  return `${waiting} bytes wait to be written, more than maxBackpressure`;
}
