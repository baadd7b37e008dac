import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What libuv takes a write request from: the object that it tells when a write has ended that could not end at once. */
interface WriteRequest {
  /** Below 0 until a write takes the request. */
  getAsyncId(): number;
  oncomplete(status: number): void;
  /** Kept alive, as libuv reads it. */
  parts: unknown;
  owner: WriteOwner | null;
}

/** Whom a write belongs to that the kernel did not take whole at once. */
export interface WriteOwner {
  /** @param status 0, or a negative error number of the system */
  onDirectWrite(status: number): void;
}

/** The libuv handle under a `net.Socket`, as far as writing to it goes. */
interface WritableHandle {
  writeBuffer(request: WriteRequest, part: Uint8Array): number;
  writev(request: WriteRequest, parts: readonly Uint8Array[], allBuffers: true): number;
}

type RequestClass = new () => WriteRequest;

/**
 * The class of the requests that node:net hands to its handles. It is not exported; a socket over a handle of ours, which
 * keeps what it is given, shows it without knowledge of any version's names.
 *
 * @returns `null` if this Node writes in another way
 */
export function findRequestClass(): RequestClass | null {
  let found: RequestClass | null = null;
  const keep = (request: object | undefined) => {
    found = (request?.constructor as RequestClass) ?? null;
    return 0;
  };
  const handle = { writeBuffer: keep, writev: keep, readStart: () => 0, close: () => {} };
  try {
    const probe = new Socket({ handle, manualStart: true } as object);
    probe.on('error', () => {});
    probe.write(Buffer.alloc(1));
    probe.destroy();
  } catch {
    // Then this Node knows no such handle.
  }
  return found !== null && isRequestClass(found) ? found : null;
}

/** Whether its objects tell if a write took them. A handle would not take one twice: it would end the process. */
function isRequestClass(found: RequestClass): boolean {
  const request: Partial<WriteRequest> = found === (Object as unknown) ? {} : new found();
  return typeof request.getAsyncId === 'function' && request.getAsyncId() < 0;
}

let requestClass: RequestClass | null | undefined;

/** A request that was not used up: only a write that goes on takes one. */
let spare: WriteRequest | null = null;

function onComplete(this: WriteRequest, status: number): void {
  const { owner } = this;
  this.owner = null;
  this.parts = null;
  owner?.onDirectWrite(status);
}

function newRequest(): WriteRequest | null {
  if (requestClass === undefined) requestClass = findRequestClass();
  if (requestClass === null) return null;
  const request = new requestClass();
  request.oncomplete = onComplete;
  request.parts = null;
  request.owner = null;
  return request;
}

/** The outcome of `writeDirectly`: the kernel took all, will take the rest later, or nothing was written. */
export type DirectWrite = 'whole' | 'goes on' | 'not begun';

/** The handle of a socket, if it is to be written to directly now. */
function handleFor(socket: Duplex): WritableHandle | null {
  const { _handle: handle, timeout } = socket as { _handle?: WritableHandle | null; timeout?: number };
  // A time-out that the user has set wants to know of each write, so the stream has to write.
  return handle === undefined || timeout ? null : handle;
}

/**
 * Writes to the handle of a socket, past the stream above it: a stream costs about as much as the system call does. Only
 * for a stream that holds nothing itself.
 *
 * @param part what to write, or several parts
 * @param owner is told when a write that goes on has ended
 */
export function writeDirectly(
  socket: Duplex,
  part: Uint8Array | readonly Uint8Array[],
  owner: WriteOwner,
): DirectWrite {
  const handle = handleFor(socket);
  spare ??= newRequest();
  const request = spare;
  if (handle === null || request === null) return 'not begun';
  const failed = Array.isArray(part)
    ? handle.writev(request, part, true)
    : handle.writeBuffer(request, part as Uint8Array);
  // Nothing was taken. The stream will meet the same error, and knows how to tell.
  if (failed !== 0) return 'not begun';
  // Taken even if the rest left at a second try: then the end of the write is still to be told.
  if (request.getAsyncId() < 0) return 'whole';
  spare = null;
  request.parts = part;
  request.owner = owner;
  return 'goes on';
}
