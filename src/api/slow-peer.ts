import { ERROR_CODE, WebSocketError } from '../protocol/errors.js';

/** What ends a connection with `slowPeer: 'terminate'`. @param waiting octets */
export function slowPeerError(waiting: number): WebSocketError {
  return new WebSocketError(`The peer is too slow: ${backlog(waiting)}`, ERROR_CODE.SLOW_PEER);
}

/** What `send` rejects with, with `slowPeer: 'wait'`. @param waiting octets */
export function backpressureError(waiting: number): WebSocketError {
  return new WebSocketError(`Not sent: ${backlog(waiting)}`, ERROR_CODE.BACKPRESSURE);
}

function backlog(waiting: number): string {
  return `${waiting} octets wait to be written, more than maxBackpressure`;
}
