import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/*
 * Private, seen on Node 20 to 26: `onread` of the handle, through which libuv tells node:net of a read. The documented
 * way: nothing, and the errors have their stacks.
 */

/** libuv calls it after each read of a handle, both if it has brought bytes and if it has failed. */
type AfterRead = (this: object, bytes?: unknown) => unknown;

interface ReadingHandle {
  onread?: AfterRead;
}

/** The function of node:net, which is the same for all sockets. */
let original: AfterRead | undefined;

/** `Error.stackTraceLimit` as it is outside of `afterRead`. */
let limit = 0;
let isWithoutStacks = false;
/** Whether the limit is read-only. */
let isFixed = false;

/**
 * Does what the function of node:net does, but the error of a failed read has no stack. That stack would name only
 * functions of Node, and costs a tenth of a connection whose client leaves by RST.
 *
 * Until `makeStacks`, or the end of the call, no error has a stack. That includes the errors of users in an async hook,
 * or in a listener for `'readable'` of a socket that has come to its end.
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

/** Gives errors their stacks again, because the read has brought bytes. */
export function makeStacks(): void {
  if (!isWithoutStacks) return;
  isWithoutStacks = false;
  // If it is not 0, a user has set it meanwhile.
  if (Error.stackTraceLimit === 0) Error.stackTraceLimit = limit;
}

/** Makes the errors of a socket's reads cheap. A callback that gets bytes must call `makeStacks` first. */
export function makeReadErrorsCheap(socket: Duplex): void {
  const { _handle: handle } = socket as { _handle?: ReadingHandle | null };
  const present = handle?.onread;
  if (typeof present !== 'function' || present === afterRead || !mayUse('read-errors')) return;
  original ??= present;
  // Another function is not node:net's.
  if (present === original) handle!.onread = afterRead;
}
