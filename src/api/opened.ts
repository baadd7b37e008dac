import type { IncomingMessage } from 'node:http';
import type { SlowPeer } from './slow-peer.js';

/** What an opening handshake leaves behind. */
export interface Opened<UserData> {
  readonly protocol: string;
  /** 13 on a server, 0 on a client. */
  readonly version: number;
  /** The client's Sec-WebSocket-Key on a server, empty on a client. */
  readonly key: string;
  readonly url: string;
  readonly request: IncomingMessage | undefined;
  readonly remoteAddress: string | undefined;
  readonly data: UserData;
  readonly slowPeer: SlowPeer;
  /** Resolve instead of rejecting when the socket is not open. */
  readonly ignoreClosed: boolean;
}

/** @internal */
export let openedOf: (ws: OpenedSocket<unknown>) => Opened<unknown>;

/** What is known of a WebSocket from its opening handshake. */
export class OpenedSocket<UserData> {
  static {
    openedOf = (ws) => ws.#opened;
  }

  readonly #opened: Opened<UserData>;

  /** What the `upgrade` handler of `serve` attached; free to use. */
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

  /** The subprotocol agreed on, or an empty string. */
  get protocol(): string {
    return this.#opened.protocol;
  }

  /** Sec-WebSocket-Version of the request on a server, which is 13; 0 on a client. */
  get version(): number {
    return this.#opened.version;
  }

  /** Sec-WebSocket-Key of the request on a server, empty on a client. */
  get key(): string {
    return this.#opened.key;
  }

  /** On a client the URL connected to, on a server the target of the request. */
  get url(): string {
    return this.#opened.url;
  }

  /** The upgrade request, on a server. */
  get request(): IncomingMessage | undefined {
    return this.#opened.request;
  }

  /** The peer's IP address, where the transport has one. */
  get remoteAddress(): string | undefined {
    return this.#opened.remoteAddress;
  }
}
