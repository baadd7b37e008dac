import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/*
 * Private, seen on Node 20 to 26: of the handle `reading`, `readStart`, `writeQueueSize` and, under TLS, `_parent`; that
 * `readableFlowing`, which is documented to be read, can be set. Documented instead: pausing the stream once more, a
 * write whose progress is not seen, and remembering which sockets we paused.
 */

/** A libuv handle, as far as its reading goes. */
interface ReadingHandle {
  reading: boolean;
  readStart(): number;
}

/** A libuv handle, as far as it tells what of a write is still to be taken by the kernel. */
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

/** Keeps a socket from reading, whoever asks it to: streams do by themselves, and users may. */
export function holdHandle(socket: Duplex): void {
  const handle = handleOf<ReadingHandle>(socket);
  if (typeof handle?.readStart === 'function') handle.readStart = refuseToRead;
}

/** Ends what `holdHandle` began. */
export function releaseHandle(socket: Duplex): void {
  const handle = handleOf<ReadingHandle>(socket);
  if (handle?.readStart !== refuseToRead) return;
  delete (handle as Partial<ReadingHandle>).readStart;
  // Somebody has asked for it meanwhile, and believes that it reads.
  if (handle.reading) handle.readStart();
}

/** Bytes of the write under way that the kernel has not taken; `Infinity` if that cannot be seen. */
export function queuedBytes(socket: Duplex): number {
  let handle = handleOf<WritingHandle>(socket);
  // That of TLS writes to another, which alone knows what the kernel has taken.
  while (handle?._parent) handle = handle._parent;
  return handle?.writeQueueSize ?? Number.POSITIVE_INFINITY;
}

/** Streams that were left paused though they had not been. */
const pausedByUs = new WeakSet<Duplex>();

/** Leaves a stream that we have read from as it was. @param flowing its `readableFlowing` then */
export function restoreFlowing(socket: Duplex, flowing: boolean | null): void {
  if (mayUse('socket-state')) Object.assign(socket, { readableFlowing: flowing });
  else if (flowing) socket.resume();
  else {
    socket.pause();
    if (flowing === null) pausedByUs.add(socket);
  }
}

/** Whether somebody else has paused the stream. */
export function isPausedByUser(socket: Duplex): boolean {
  return socket.isPaused() && !pausedByUs.has(socket);
}

/** Has a stream flow to a new `'data'` listener, unless somebody else has paused it. */
export function letFlow(socket: Duplex): void {
  if (pausedByUs.delete(socket)) socket.resume();
}
