import type { IncomingMessage } from 'node:http';
import type { HandshakeAnswer } from '../protocol/errors.js';
import type { Compression } from './compression.js';
import type { SlowPeer } from './slow-peer.js';

/** What a socket keeps of its opening handshake. */
export interface Opened {
  readonly protocol: string;
  readonly compression: Compression | null;
  /** 13 on a server, 0 on a client. */
  readonly version: number;
  /** The client's Sec-WebSocket-Key on a server; empty on a client. */
  readonly key: string;
  readonly url: string;
  readonly request: IncomingMessage | undefined;
  readonly response: HandshakeAnswer | undefined;
  readonly remoteAddress: string | undefined;
  readonly slowPeer: SlowPeer;
  /**
   * Whether `send` does nothing instead of rejecting, if the socket is not open or closes before the message has left.
   */
  readonly ignoreClosed: boolean;
}

/** @internal */
export let openedOf: (ws: OpenedSocket<unknown>) => Opened;

/** The properties of a WebSocket that its opening handshake determines. */
export class OpenedSocket<UserData> {
  static {
    openedOf = (ws) => ws.#opened;
  }

  readonly #opened: Opened;

  /**
   * Your data for this socket. On a server, the `upgrade` handler of `serve` or the options of `newWebSocket` give it
   * its first value; on a client it is undefined. The library never uses it, and you may change it.
   */
  data!: UserData;

  /** @internal */
  constructor(opened: Opened) {
    if (typeof opened !== 'object') {
      throw new TypeError('WebSocket has no public constructor: use await newWebSocket(url), or serve');
    }
    this.#opened = opened;
  }

  /** The subprotocol that both sides agreed on (RFC 6455 §1.9); empty if there is none. */
  get protocol(): string {
    return this.#opened.protocol;
  }

  /**
   * How messages are compressed with permessage-deflate (RFC 7692), or `null` if they are not. The object is frozen,
   * and shared with other sockets.
   */
  get compression(): Compression | null {
    return this.#opened.compression;
  }

  /** On a server the Sec-WebSocket-Version of the request, 13; 0 on a client. */
  get version(): number {
    return this.#opened.version;
  }

  /** The Sec-WebSocket-Key of the request on a server (RFC 6455 §4.2.1); empty on a client. */
  get key(): string {
    return this.#opened.key;
  }

  /**
   * The URL that a client is connected to, after redirects. On a server, the target of the request, such as `/ws?id=1`.
   */
  get url(): string {
    return this.#opened.url;
  }

  /** The upgrade request on a server; `undefined` on a client. */
  get request(): IncomingMessage | undefined {
    return this.#opened.request;
  }

  /** The status and headers of the server's 101 on a client, such as its cookies; `undefined` on a server. */
  get response(): HandshakeAnswer | undefined {
    return this.#opened.response;
  }

  /** The peer's IP address, if the transport has one. Behind a proxy, it is the proxy's. */
  get remoteAddress(): string | undefined {
    return this.#opened.remoteAddress;
  }
}
