import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/*
 * Private, seen on Node 20 to 26: `reading`, `readStart`, `writeQueueSize` and, under TLS, `_parent` of the handle;
 * that `readableFlowing`, which is documented for reading, can be set; that the listener for `'end'` of a new socket does
 * nothing while `allowHalfOpen` holds. The documented way: pause the stream again, do not see the progress of a write,
 * wait one turn, remember which sockets we paused, and keep the listener.
 */

/** The part of a libuv handle that controls reading. */
interface ReadingHandle {
  reading: boolean;
  readStart(): number;
}

/** The part of a libuv handle that tells how much of a write the kernel has not taken. */
interface WritingHandle {
  readonly writeQueueSize?: number;
  readonly _parent?: WritingHandle | null;
}

function handleOf<Handle>(socket: Duplex): Handle | null {
  const { _handle: handle } = socket as { _handle?: Handle | null };
  return (mayUse('socket-state') && handle) || null;
}

function refuseToRead(): number {
  return 0;
}

/** Stops a socket from reading, even if its stream or a user asks it to read. */
export function holdHandle(socket: Duplex): void {
  const handle = handleOf<ReadingHandle>(socket);
  if (typeof handle?.readStart === 'function') handle.readStart = refuseToRead;
}

/** Undoes `holdHandle`. */
export function releaseHandle(socket: Duplex): void {
  const handle = handleOf<ReadingHandle>(socket);
  if (handle?.readStart !== refuseToRead) return;
  delete (handle as Partial<ReadingHandle>).readStart;
  // Other code has asked it to read meanwhile, and believes that it does.
  if (handle.reading) handle.readStart();
}

/** Bytes of the current write that the kernel has not taken; `Infinity` if this cannot be seen. */
export function queuedBytes(socket: Duplex): number {
  let handle = handleOf<WritingHandle>(socket);
  // A TLS handle writes to another handle, and only that one knows what the kernel has taken.
  while (handle?._parent) handle = handle._parent;
  return handle?.writeQueueSize ?? Number.POSITIVE_INFINITY;
}

/** The listener for `'end'` that node:net gives each socket. */
const [endListener] = new Socket().listeners('end');

/**
 * Removes the listener of node:net for `'end'`, which does nothing on a socket that may be half open. With it, a second
 * listener costs each connection an array of 104 bytes.
 */
export function dropEndListener(socket: Duplex): void {
  if (endListener !== undefined && mayUse('socket-state')) socket.off('end', endListener as () => void);
}

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

/** Whether the stream was paused, but not by us. */
export function isPausedByUser(socket: Duplex): boolean {
  return socket.isPaused() && !pausedByUs.has(socket);
}

/** Lets a stream flow to a new `'data'` listener, unless a user has paused it. */
export function letFlow(socket: Duplex): void {
  if (pausedByUs.delete(socket)) socket.resume();
}
