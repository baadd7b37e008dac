import type { IncomingMessage } from 'node:http';
import type { HandshakeAnswer } from '../protocol/errors.js';
import type { Compression } from './compression.js';
import type { SlowPeer } from './slow-peer.js';

/** The results of an opening handshake. */
export interface Opened<UserData> {
  readonly protocol: string;
  readonly compression: Compression | null;
  /** 13 on a server, 0 on a client. */
  readonly version: number;
  /** The client's Sec-WebSocket-Key on a server, empty on a client. */
  readonly key: string;
  readonly url: string;
  readonly request: IncomingMessage | undefined;
  readonly response: HandshakeAnswer | undefined;
  readonly remoteAddress: string | undefined;
  readonly data: UserData;
  readonly slowPeer: SlowPeer;
  /**
   * Whether `send` does nothing, instead of rejecting, if the socket is not open or closes before the message has left.
   */
  readonly ignoreClosed: boolean;
}

/** @internal */
export let openedOf: (ws: OpenedSocket<unknown>) => Opened<unknown>;

/** The properties of a WebSocket that its opening handshake determines. */
export class OpenedSocket<UserData> {
  static {
    openedOf = (ws) => ws.#opened;
  }

  readonly #opened: Opened<UserData>;

  /** What the `upgrade` handler of `serve` attached. The user may change it. */
  data: UserData;

  /** @internal */
  constructor(opened: Opened<UserData>) {
    if (typeof opened !== 'object') {
      throw new TypeError(
        'A WebSocket comes from await newWebSocket(url), or from serve: it has no constructor for users',
      );
    }
    this.#opened = opened;
    this.data = opened.data;
  }

  /** The agreed subprotocol, or an empty string. */
  get protocol(): string {
    return this.#opened.protocol;
  }

  /**
   * What was agreed about permessage-deflate (RFC 7692), or `null`: messages of both sides are uncompressed then. The
   * object is frozen, and shared with other sockets.
   */
  get compression(): Compression | null {
    return this.#opened.compression;
  }

  /** The Sec-WebSocket-Version of the request on a server, which is 13; 0 on a client. */
  get version(): number {
    return this.#opened.version;
  }

  /** The Sec-WebSocket-Key of the request on a server; empty on a client. */
  get key(): string {
    return this.#opened.key;
  }

  /** On a client the URL that it is connected to, on a server the target of the request. */
  get url(): string {
    return this.#opened.url;
  }

  /** The upgrade request on a server; undefined on a client. */
  get request(): IncomingMessage | undefined {
    return this.#opened.request;
  }

  /** The server's answer to the opening handshake, a 101, on a client: for its cookies, say. Undefined on a server. */
  get response(): HandshakeAnswer | undefined {
    return this.#opened.response;
  }

  /** The peer's IP address, if the transport has one. */
  get remoteAddress(): string | undefined {
    return this.#opened.remoteAddress;
  }
}
