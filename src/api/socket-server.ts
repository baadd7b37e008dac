import type { Opcode } from '../protocol/opcode.js';
import {
  type CheckedCloseOptions,
  type CloseOptions,
  ConnectionSet,
  type Connections,
  checkCloseOptions,
} from './connections.js';
import type { Data } from './payload.js';
import type { PreparedMessage } from './prepared-message.js';

/** The WebSockets of one server, what is published to them, and their common end: what `Server` and `Upgrades` share. */
export abstract class SocketServer<UserData> {
  /** The open sockets. */
  readonly connections: Connections<UserData>;
  /** @internal */
  protected readonly sockets = new ConnectionSet<UserData>();
  #closed: Promise<void> | null = null;

  /** @internal */
  constructor() {
    this.connections = this.sockets;
  }

  /**
   * Sends a message to every socket that has subscribed to `topic`, encoded once. One that is not open, or is more than
   * `maxBackpressure` behind, does not get it: `slowPeer` decides what becomes of it, and the others do not wait.
   *
   * @param data a string goes out as Text, bytes as Binary, unless `opcode` says otherwise; bytes are copied.
   *   Or what `prepare` returns
   * @returns for how many it was accepted
   * @throws TypeError as `send`, if `topic` is not a string, and for other opcodes than Text and Binary
   */
  publish(topic: string, data: Data | PreparedMessage, opcode?: Opcode): number {
    return this.sockets.topics.publish(topic, data, opcode, null);
  }

  /** How many sockets have subscribed to `topic`. @throws TypeError if it is not a string */
  subscriberCount(topic: string): number {
    return this.sockets.topics.subscriberCount(topic);
  }

  /**
   * Accepts no more, answers 503 to handshakes under way, sends Close to each socket after what was sent before, and ends
   * at the time-out whatever is left. An HTTP server that was passed in is left as it was. Calling it again waits for the
   * same end.
   *
   * @throws TypeError, RangeError for invalid options
   */
  close(options: CloseOptions = {}): Promise<void> {
    const checked = checkCloseOptions(options);
    this.#closed ??= this.end(checked);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Does what `close` promises, once. @internal */
  protected abstract end(options: CheckedCloseOptions): Promise<void>;
}
