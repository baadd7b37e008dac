import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import { mayUse } from './private-parts.js';

/*
 * Private: of the handle `writeBuffer` and `writev`, with requests that are made before (seen on Node 20 to 25) or by the
 * write (Node 26). Documented instead: `socket.write`.
 */

/** The object that libuv tells when a write has ended that could not end at once. */
interface WriteRequest {
  oncomplete(status: number): void;
  /** Kept alive, as libuv reads it. */
  parts: unknown;
  owner: WriteOwner | null;
}

/** A request that is made before the write, up to Node 25. */
interface EarlyRequest extends WriteRequest {
  /** Below 0 until a write takes the request. */
  getAsyncId(): number;
}

/** A request that the write makes if it goes on, from Node 26 on. */
interface LateRequest extends WriteRequest {
  /** How the write ended, if it has already; else `null`. */
  writeStatus: number | null;
  /** Why there is no write after all. */
  error?: unknown;
}

/** Whom a write belongs to that the kernel did not take whole at once. */
export interface WriteOwner {
  /** @param status 0, or a negative error number of the system */
  onDirectWrite(status: number): void;
}

type Parts = Uint8Array | readonly Uint8Array[];

/** The libuv handle under a `net.Socket`, as far as writing to it goes. */
interface WritableHandle<Request, Result> {
  writeBuffer(request: Request, part: Uint8Array): Result;
  writev(request: Request, parts: readonly Uint8Array[], allBuffers: true): Result;
}

function writeTo<Request, Result>(handle: WritableHandle<Request, Result>, request: Request, parts: Parts): Result {
  return Array.isArray(parts) ? handle.writev(request, parts, true) : handle.writeBuffer(request, parts as Uint8Array);
}

/** How this Node writes: with requests of a class that are made before, with such that the write makes, or in another way. */
export type WayOfWriting = (new () => EarlyRequest) | 'late' | null;

/**
 * The way in which node:net writes to its handles. None of it is exported; a socket over a handle of ours, which keeps what
 * it is given, shows it without knowledge of any version's names.
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
    // Then this runtime knows no such handle, or no such request.
    return null;
  }
}

/** Whether its objects tell if a write took them. A handle would not take one twice: it would end the process. */
function isRequestClass(found: unknown): found is new () => EarlyRequest {
  const request: Partial<EarlyRequest> = found === Object ? {} : new (found as new () => EarlyRequest)();
  return typeof request.getAsyncId === 'function' && request.getAsyncId() < 0;
}

let way: WayOfWriting | undefined;

/** A request that was not used up: only a write that goes on takes one. */
let spare: EarlyRequest | null = null;

function onComplete(this: WriteRequest, status: number): void {
  const { owner } = this;
  this.owner = null;
  this.parts = null;
  owner?.onDirectWrite(status);
}

function goOn(request: WriteRequest, parts: Parts, owner: WriteOwner): 'goes on' {
  request.oncomplete = onComplete;
  request.parts = parts;
  request.owner = owner;
  return 'goes on';
}

/** The outcome of `writeDirectly`: the kernel took all, will take the rest later, or nothing was written. */
export type DirectWrite = 'whole' | 'goes on' | 'not begun';

function wayOfWriting(): WayOfWriting {
  if (way === undefined) way = mayUse('direct-write') ? findWayOfWriting() : null;
  return way;
}

/** Whether this socket can be written to directly: a plain `net.Socket` on a Node that lets us. */
export function canWriteDirectly(socket: Duplex): boolean {
  return Object.getPrototypeOf(socket) === Socket.prototype && wayOfWriting() !== null && handleFor(socket) !== null;
}

/** The handle of a socket, if it is to be written to directly now. */
function handleFor(socket: Duplex): object | null {
  const { _handle: handle, timeout } = socket as { _handle?: object | null; timeout?: number };
  // A time-out that the user has set wants to know of each write, so the stream has to write.
  return handle === undefined || timeout ? null : handle;
}

/**
 * Writes to the handle of a socket, past the stream above it: a stream costs about as much as the system call does. Only
 * for a stream that holds nothing itself.
 *
 * @param parts what to write: one part, or several
 * @param owner is told when a write that goes on has ended
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
  // Nothing was taken. The stream will meet the same error, and knows how to tell.
  if (failed !== 0) return 'not begun';
  // Taken even if the rest left at a second try: then the end of the write is still to be told.
  if (request.getAsyncId() < 0) return 'whole';
  spare = null;
  return goOn(request, parts, owner);
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
  goOn(request, parts, owner);
  const { writeStatus } = request;
  if (typeof writeStatus === 'number') nextTick(() => request.oncomplete(writeStatus));
  return 'goes on';
}
/* v8 ignore stop -- @preserve */
