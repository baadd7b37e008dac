import type { Duplex } from 'node:stream';

/** The connection that writes past the stream of a socket. */
interface FrameWriter {
  /** Bytes that were sent and the kernel has not taken. */
  flushAndCount(): number;
  /** Writes the frames that wait for the end of the turn. */
  flush(): void;
  pause(): void;
  resume(): void;
}

const LINK = Symbol('wasock.link');

interface LinkedSocket extends Duplex {
  [LINK]: FrameWriter;
}

/** A method of the socket's class that first writes the frames sent before the call. */
function afterFrames(name: 'write' | 'end' | 'destroy') {
  return function (this: LinkedSocket, ...args: unknown[]) {
    this[LINK].flush();
    return Reflect.apply(Object.getPrototypeOf(this)[name], this, args);
  };
}

const write = afterFrames('write') as Duplex['write'];
const end = afterFrames('end') as Duplex['end'];
const destroy = afterFrames('destroy') as Duplex['destroy'];

function pause(this: LinkedSocket): LinkedSocket {
  this[LINK].pause();
  return this;
}

function resume(this: LinkedSocket): LinkedSocket {
  this[LINK].resume();
  return this;
}

const BUFFER_SIZE: PropertyDescriptor = {
  configurable: true,
  get(this: LinkedSocket) {
    return this[LINK].flushAndCount();
  },
};

/**
 * For users of `_socket` itself: what they write, end or destroy comes after the frames that were sent before, pausing it
 * pauses the WebSocket, and `bufferSize` counts frames, although these do not pass through the stream.
 */
export function linkSocket(socket: Duplex, link: FrameWriter): void {
  (socket as LinkedSocket)[LINK] = link;
  // If somebody has overridden a method of the class on the socket, that stays.
  if (!Object.hasOwn(socket, 'write')) socket.write = write;
  if (!Object.hasOwn(socket, 'end')) socket.end = end;
  if (!Object.hasOwn(socket, 'destroy')) socket.destroy = destroy;
  if (!Object.hasOwn(socket, 'pause')) socket.pause = pause as Duplex['pause'];
  if (!Object.hasOwn(socket, 'resume')) socket.resume = resume as Duplex['resume'];
  Object.defineProperty(socket, 'bufferSize', BUFFER_SIZE);
}
