import { ERROR_CODE, WebSocketError } from '../protocol/errors.js';

/**
 * What happens to a message for a peer that is more than `maxBackpressure` bytes behind: the connection ends; the
 * message is dropped and counted; or it is not sent and the promise of `send` rejects.
 */
export type SlowPeer = 'terminate' | 'drop' | 'wait';

/** The error that ends a connection with `slowPeer: 'terminate'`. @param waiting bytes that wait to be written */
export function slowPeerError(waiting: number): WebSocketError {
  return new WebSocketError(`The peer is too slow: ${backlog(waiting)}`, ERROR_CODE.SLOW_PEER);
}

/** The error with which `send` rejects with `slowPeer: 'wait'`. @param waiting bytes that wait to be written */
export function backpressureError(waiting: number): WebSocketError {
  return new WebSocketError(`Not sent: ${backlog(waiting)}`, ERROR_CODE.BACKPRESSURE);
}

function backlog(waiting: number): string {
  return `${waiting} bytes wait to be written, more than maxBackpressure`;
}
