import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/*
 * Private: `writeBuffer` and `writev` of the handle, with requests that the caller makes (seen on Node 20 to 25) or
 * that the write makes (Node 26). The documented way: `socket.write`.
 */

/** A request to write. libuv calls it back if the kernel did not take everything at once, when the write has ended. */
interface WriteRequest {
  oncomplete(status: number): void;
  /** Keeps the memory that libuv reads alive. */
  parts: unknown;
  owner: WriteOwner | null;
}

/** A request that the caller makes before the write, up to Node 25. */
interface EarlyRequest extends WriteRequest {
  /** Below 0 until a write takes the request. */
  getAsyncId(): number;
}

/** A request that the write itself makes if it continues, from Node 26 on. */
interface LateRequest extends WriteRequest {
  /** How the write ended, if it has ended already; otherwise `null`. */
  writeStatus: number | null;
  /** The error, if nothing was written. */
  error?: unknown;
}

/** Hears of the end of a write that the kernel did not take whole at once. */
export interface WriteOwner {
  /** @param status 0, or a negative error number of the operating system */
  onDirectWrite(status: number): void;
}

type Parts = Uint8Array | readonly Uint8Array[];

/** The write methods of the libuv handle under a `net.Socket`. */
interface WritableHandle<Request, Result> {
  writeBuffer(request: Request, part: Uint8Array): Result;
  writev(request: Request, parts: readonly Uint8Array[], allBuffers: true): Result;
}

function writeTo<Request, Result>(handle: WritableHandle<Request, Result>, request: Request, parts: Parts): Result {
  return Array.isArray(parts) ? handle.writev(request, parts, true) : handle.writeBuffer(request, parts as Uint8Array);
}

/**
 * How this Node writes: with requests of this class, with requests that the write makes (`late`), or in an unknown way.
 */
type WayOfWriting = (new () => EarlyRequest) | 'late' | null;

/**
 * Finds out how node:net writes to its handles, without knowing the names in each version of Node: a socket over a
 * handle of ours writes, and the handle keeps the request that it gets.
 */
export function findWayOfWriting(SocketClass: new (options: object) => Socket = Socket): WayOfWriting {
  let request: object | null | undefined;
  const keep = (given: object | null) => {
    request = given;
    return 0;
  };
  const handle = { writeBuffer: keep, writev: keep, readStart: () => 0, close: () => {} };
  try {
    const probe = new SocketClass({ handle, manualStart: true });
    probe.on('error', () => {});
    probe.write(Buffer.alloc(1));
    probe.destroy();
    if (request === null) return 'late';
    return request !== undefined && isRequestClass(request.constructor) ? request.constructor : null;
  } catch {
    // This runtime has no such handle or request.
    return null;
  }
}

/** Whether requests of this class show if a write took them. Reusing a taken one would abort the process. */
function isRequestClass(found: unknown): found is new () => EarlyRequest {
  const request: Partial<EarlyRequest> = found === Object ? {} : new (found as new () => EarlyRequest)();
  return typeof request.getAsyncId === 'function' && request.getAsyncId() < 0;
}

let way: WayOfWriting | undefined;

/** An unused request, kept for the next write: only a write that continues takes one. */
let spare: EarlyRequest | null = null;

function onComplete(this: WriteRequest, status: number): void {
  const { owner } = this;
  this.owner = null;
  this.parts = null;
  owner?.onDirectWrite(status);
}

function awaitEnd(request: WriteRequest, parts: Parts, owner: WriteOwner): 'goes on' {
  request.oncomplete = onComplete;
  request.parts = parts;
  request.owner = owner;
  return 'goes on';
}

/** The outcome of `writeDirectly`: the kernel took everything, takes the rest later, or nothing was written. */
type DirectWrite = 'whole' | 'goes on' | 'not begun';

function wayOfWriting(): WayOfWriting {
  if (way === undefined) way = mayUse('direct-write') ? findWayOfWriting() : null;
  return way;
}

/** Whether this socket can be written to directly: a plain `net.Socket`, on a Node that allows it. */
export function canWriteDirectly(socket: Duplex): boolean {
  return Object.getPrototypeOf(socket) === Socket.prototype && wayOfWriting() !== null && handleFor(socket) !== null;
}

/** The handle of a socket, if we may write to it directly now. */
function handleFor(socket: Duplex): object | null {
  const { _handle: handle, timeout } = socket as { _handle?: object | null; timeout?: number };
  // If the user has set a time-out, each write must restart it, so the stream has to write.
  return handle === undefined || timeout ? null : handle;
}

/**
 * Writes to the handle of a socket, bypassing its stream, which costs about as much as the system call. The stream must
 * hold no data of its own.
 *
 * @param parts one part or several. libuv reads their memory until the write has ended
 * @param owner is told when a write that `goes on` has ended
 */
export function writeDirectly(socket: Duplex, parts: Parts, owner: WriteOwner): DirectWrite {
  const handle = handleFor(socket);
  const found = wayOfWriting();
  if (handle === null || found === null) return 'not begun';
  return found === 'late'
    ? writeWithLateRequest(handle as WritableHandle<null, number | LateRequest>, parts, owner)
    : writeWithEarlyRequest(handle as WritableHandle<EarlyRequest, number>, found, parts, owner);
}

function writeWithEarlyRequest(
  handle: WritableHandle<EarlyRequest, number>,
  RequestClass: new () => EarlyRequest,
  parts: Parts,
  owner: WriteOwner,
): DirectWrite {
  spare ??= new RequestClass();
  const request = spare;
  const failed = writeTo(handle, request, parts);
  // Nothing was written. The stream will meet the same error and report it.
  if (failed !== 0) return 'not begun';
  // The write takes the request even if a second try sends the rest. Its end is reported then, too.
  if (request.getAsyncId() < 0) return 'whole';
  spare = null;
  return awaitEnd(request, parts, owner);
}

/* v8 ignore start -- @preserve Node 26 alone: CI runs these tests there, too. */
function writeWithLateRequest(
  handle: WritableHandle<null, number | LateRequest>,
  parts: Parts,
  owner: WriteOwner,
): DirectWrite {
  const request = writeTo(handle, null, parts);
  if (request === 0) return 'whole';
  // As above: the stream will meet the same error.
  if (typeof request === 'number' || request.error !== undefined) return 'not begun';
  awaitEnd(request, parts, owner);
  const { writeStatus } = request;
  if (typeof writeStatus === 'number') nextTick(() => request.oncomplete(writeStatus));
  return 'goes on';
}
/* v8 ignore stop -- @preserve */
