import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/*
 * Private, seen on Node 20 to 26: `onread` of the handle, through which libuv tells node:net of a read. The documented
 * way: nothing, and the errors have their stacks.
 */

/** Called after each read of a handle, whether it has brought bytes or has failed. */
type AfterRead = (this: object, bytes?: unknown) => unknown;

interface ReadingHandle {
  onread?: AfterRead;
}

/** node:net's function, the same for all sockets. */
let original: AfterRead | undefined;

/** `Error.stackTraceLimit` as it is outside of `afterRead`. */
let limit = 0;
let isWithoutStacks = false;
/** Somebody has made the limit read-only. */
let isFixed = false;

/**
 * As node:net's function, but the error that it makes of a read that fails has no stack. That stack would name
 * functions of Node alone. Nobody needs it, and it is a tenth of what a connection costs whose client leaves by RST.
 *
 * Until `makeStacks`, or the end of the call, whoever makes an error gets no stack: Node itself, and users who listen for
 * `'readable'` of a socket that has come to its end, or for async hooks.
 */
function afterRead(this: object, bytes?: unknown): unknown {
  if (isFixed || typeof Error.stackTraceLimit !== 'number') return original!.call(this, bytes);
  limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 0;
    isWithoutStacks = true;
  } catch {
    isFixed = true;
  }
  try {
    return original!.call(this, bytes);
  } finally {
    makeStacks();
  }
}

/** The read has brought bytes, so that errors have stacks again. */
export function makeStacks(): void {
  if (!isWithoutStacks) return;
  isWithoutStacks = false;
  // Otherwise a user has set it meanwhile.
  if (Error.stackTraceLimit === 0) Error.stackTraceLimit = limit;
}

/** Makes the errors of a socket's reads cheap. Whoever is called back with bytes must call `makeStacks` first. */
export function makeReadErrorsCheap(socket: Duplex): void {
  const { _handle: handle } = socket as { _handle?: ReadingHandle | null };
  const present = handle?.onread;
  if (typeof present !== 'function' || present === afterRead || !mayUse('read-errors')) return;
  original ??= present;
  // Another function is somebody else's.
  if (present === original) handle!.onread = afterRead;
}
