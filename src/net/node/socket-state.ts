import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/*
/** Streams that we left paused although they were not paused before. */
const pausedByUs = new WeakSet<Duplex>();

/** Restores the state of a stream that we have read from. @param flowing its `readableFlowing` before that */
export function restoreFlowing(socket: Duplex, flowing: boolean | null): void {
  if (mayUse('socket-state')) Object.assign(socket, { readableFlowing: flowing });
  else if (flowing) socket.resume();
  else {
    socket.pause();
    if (flowing === null) pausedByUs.add(socket);
  }
}

/** Whether someone other than us has paused the stream. */
export function isPausedByUser(socket: Duplex): boolean {
  return socket.isPaused() && !pausedByUs.has(socket);
}

/** Lets a stream flow to a new `'data'` listener, unless someone other than us has paused it. */
export function letFlow(socket: Duplex): void {
  if (pausedByUs.delete(socket)) socket.resume();
}
