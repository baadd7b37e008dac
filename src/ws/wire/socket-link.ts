import type { Duplex } from 'node:stream';

/** The connection that writes past the stream of a socket. */
interface FrameWriter {
  /** Bytes that were sent and that the kernel has not taken. */
  flushAndCount(): number;
  /** Writes what waits for the end of the turn. */
  flush(): void;
  pause(): void;
  resume(): void;
}

const LINK = Symbol('wasock.link');

interface LinkedSocket extends Duplex {
  [LINK]: FrameWriter;
}

/** A method of the socket's class, in front of which frames leave that were sent before the call. */
function behindFrames(name: 'write' | 'end' | 'destroy') {
  return function (this: LinkedSocket, ...args: unknown[]) {
    this[LINK].flush();
    return Reflect.apply(Object.getPrototypeOf(this)[name], this, args);
  };
}

const write = behindFrames('write') as Duplex['write'];
const end = behindFrames('end') as Duplex['end'];
const destroy = behindFrames('destroy') as Duplex['destroy'];

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
 * For those who use `_socket` itself: what they write or end comes after the frames that were sent before, to pause it pauses
 * the WebSocket, and `bufferSize` knows of frames, which do not pass through the stream.
 */
export function linkSocket(socket: Duplex, link: FrameWriter): void {
  (socket as LinkedSocket)[LINK] = link;
  // What others have put in front of the class's methods stays there.
  if (!Object.hasOwn(socket, 'write')) socket.write = write;
  if (!Object.hasOwn(socket, 'end')) socket.end = end;
  if (!Object.hasOwn(socket, 'destroy')) socket.destroy = destroy;
  if (!Object.hasOwn(socket, 'pause')) socket.pause = pause as Duplex['pause'];
  if (!Object.hasOwn(socket, 'resume')) socket.resume = resume as Duplex['resume'];
  Object.defineProperty(socket, 'bufferSize', BUFFER_SIZE);
}
