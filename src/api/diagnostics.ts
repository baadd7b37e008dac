import { Buffer } from 'node:buffer';
import { type Channel, channel } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { debuglog } from 'node:util';
import type { BrokerDrop, BrokerGap } from '../broker/session.js';
import type { Refusal } from '../handshake/refusal.js';
import type { Opcode } from '../protocol/opcode.js';
import { escaped, inQuotes } from '../protocol/quoted.js';
import type { OpenedSocket } from './opened.js';
import type { SlowPeer } from './slow-peer.js';

/**
 * What the library publishes on channels of `node:diagnostics_channel`, by the name of the channel, for sockets of
 * servers and of clients. A subscriber must not change what it gets.
 */
export interface MessagesOf<Socket> {
  /** A socket is open. */
  'wasock:open': { socket: Socket };
  /** A message has arrived. Published before its handler or `receive…` gets it. In raw mode, for each frame. */
  'wasock:message': {
    socket: Socket;
    opcode: Opcode;
    /** With `zeroCopy`, a Buffer is valid only during the call. */
    data: string | Buffer;
    /** The length of the payload in bytes. */
    length: number;
  };
  /**
   * `send` or `publish` has sent a message. A published message counts once for each socket. Pings of `ping` do not
   * count.
   */
  'wasock:send': { socket: Socket; opcode: Opcode; data: string | Uint8Array };
  /** A connection has ended, as `ws.closed` says. `cause` is the error that ended it, if there is one. */
  'wasock:close': { socket: Socket; closeCode: number; reason: string; wasClean: boolean; cause: Error | undefined };
  /**
   * An error has occurred that goes to the handler `error` or `onError`. Published also if there is no such handler.
   */
  'wasock:error': { socket: Socket | undefined; error: Error };
  /** An opening handshake was refused, by the library or by the application with `refuse`. */
  'wasock:handshake.refused': { readonly request: IncomingMessage; refusal: Refusal };
  /** A message was not sent, because more than `maxBackpressure` waits to be written to its peer. */
  'wasock:slow-peer': { socket: Socket; bufferedAmount: number; slowPeer: SlowPeer };
  /** `server.broker` has emitted an event. */
  'wasock:broker':
    | { event: 'up' }
    | { event: 'down'; error: Error | undefined }
    | { event: 'gap'; gap: BrokerGap }
    | { event: 'dropped'; drop: BrokerDrop };
}

/** A socket of this library, by its base class, because `WebSocket` is built on this file. */
type AnySocket = OpenedSocket<unknown>;

type Messages = MessagesOf<AnySocket>;

/** A channel with typed messages. */
interface TypedChannel<Message> {
  /** Check it before you compute a message. */
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

function typed<Name extends keyof Messages>(name: Name): TypedChannel<Messages[Name]> {
  return channel(name) as Channel as TypedChannel<Messages[Name]>;
}

// They are kept here, because Node forgets a channel without references, and its subscribers with it.
export const openChannel = typed('wasock:open');
export const messageChannel = typed('wasock:message');
export const sendChannel = typed('wasock:send');
export const closeChannel = typed('wasock:close');
export const errorChannel = typed('wasock:error');
export const refusedChannel = typed('wasock:handshake.refused');
export const slowPeerChannel = typed('wasock:slow-peer');
export const brokerChannel = typed('wasock:broker');

// ——— NODE_DEBUG=wasock

type Lines = { [Name in keyof Messages]: (message: Messages[Name]) => string };

const LINES: Lines = {
  'wasock:open': ({ socket }) => `open ${peer(socket)}`,
  'wasock:message': ({ socket, opcode, length }) => `message ${peer(socket)} opcode ${opcode}, ${length} bytes`,
  'wasock:send': ({ socket, opcode, data }) =>
    `send ${peer(socket)} opcode ${opcode}, ${Buffer.byteLength(data)} bytes`,
  'wasock:close': ({ socket, closeCode, reason, cause }) =>
    `close ${peer(socket)} ${closeCode} ${inQuotes(reason)}${cause === undefined ? '' : `: ${text(cause)}`}`,
  'wasock:error': ({ socket, error }) => `error ${socket === undefined ? '-' : peer(socket)} ${text(error)}`,
  'wasock:handshake.refused': ({ request, refusal }) =>
    `handshake.refused ${request.socket.remoteAddress ?? '-'} ${inQuotes(String(request.url))} ${refusal.status} ${refusal.reason}: ${inQuotes(refusal.message)}`,
  'wasock:slow-peer': ({ socket, bufferedAmount, slowPeer }) =>
    `slow-peer ${peer(socket)} ${bufferedAmount} bytes wait: ${slowPeer}`,
  'wasock:broker': (message) =>
    `broker ${escaped(JSON.stringify(message, (_key, value) => (value instanceof Error ? text(value) : value)))}`,
};

function peer(socket: AnySocket): string {
  return `${socket.remoteAddress ?? '-'} ${inQuotes(socket.url)}`;
}

/** An error in one line. */
function text(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return `${typeof code === 'string' && /^\w+$/.test(code) ? `${code} ` : ''}${inQuotes(String(error.message))}`;
}

const log = debuglog('wasock');

if (log.enabled) {
  for (const [name, line] of Object.entries(LINES)) {
    channel(name).subscribe((message) => {
      try {
        log('%s', (line as (message: unknown) => string)(message));
      } catch {
        // Reading an error of the user may throw, and a subscriber that throws ends the process.
        log('%s', name.slice('wasock:'.length));
      }
    });
  }
}
