/// <reference types="node" />

// biome-ignore-all lint/suspicious/noExplicitAny: whatever listeners take that @types/ws does not know is taken here too

// A superset of the interface that @types/ws 8.18 describes: what compiles against that must compile against this. So no class
// has a member that a stand-in for it would lack, and no type that users read is wider than it is there.

import { EventEmitter } from 'node:events';
import type {
  Agent,
  ClientRequest,
  ClientRequestArgs,
  Server as HttpServer,
  IncomingMessage,
  OutgoingHttpHeaders,
} from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { createConnection, TcpSocketConnectOpts } from 'node:net';
import type { Duplex, DuplexOptions } from 'node:stream';
import type { ConnectionOptions, PeerCertificate, SecureContextOptions } from 'node:tls';
import type { URL } from 'node:url';
import type { ZlibOptions } from 'node:zlib';
import type * as parts from './ws-parts.js';

/**
 * What `send` accepts. A string is sent as Text, a number as the Text of its digits, anything else as Binary: a view as its
 * bytes, a Blob as its content, and other objects as `Buffer.from` converts them.
 */
type Sendable =
  | string
  | number
  | Blob
  | ArrayBuffer
  | SharedArrayBuffer
  | ArrayBufferView
  | readonly any[]
  | { valueOf(): string }
  | { valueOf(): ArrayBuffer }
  | { valueOf(): SharedArrayBuffer }
  | { valueOf(): Uint8Array }
  | { valueOf(): readonly number[] }
  | { [Symbol.toPrimitive](hint: string): string };

/** How Binary messages are handed over. `'blob'` may be set, too. */
type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments';

/** A listener as EventTarget takes it: a function, or an object with a method `handleEvent`. */
type Handler<E> = ((event: E) => void) | { handleEvent(event: E): void };

/**
 * One end of a WebSocket connection: a client, or a socket that a `WebSocketServer` has accepted.
 *
 * Messages and everything else that happens arrive as events; see `on`. The interface is that of npm `ws` 8.23, on the engine of
 * wasock. Unlike in npm `ws`, an `error` event without a listener does not end the process; see `throwUnlistened`.
 * docs/ws-compat.md lists all differences.
 *
 * @example
 * ```js
 * import WebSocket from 'wasock/ws';
 *
 * const ws = new WebSocket('ws://localhost:8080/chat');
 * ws.on('open', () => ws.send('hello'));
 * ws.on('message', (data, isBinary) => console.log(isBinary ? data : data.toString()));
 * ws.on('error', (error) => console.error(error.message));
 * ws.on('close', (code, reason) => console.log(code, reason.toString()));
 * ```
 */
declare class WebSocket extends EventEmitter {
  /** The `readyState` of a socket whose opening handshake is under way. */
  static readonly CONNECTING: 0;
  /** The `readyState` of a socket that can send and receive. */
  static readonly OPEN: 1;
  /** The `readyState` of a socket that is closing: a Close frame was sent or received, or the connection is ending. */
  static readonly CLOSING: 2;
  /** The `readyState` of a socket whose connection has ended, or was never opened. */
  static readonly CLOSED: 3;
  /** The same as `WebSocket.CONNECTING`. */
  readonly CONNECTING: 0;
  /** The same as `WebSocket.OPEN`. */
  readonly OPEN: 1;
  /** The same as `WebSocket.CLOSING`. */
  readonly CLOSING: 2;
  /** The same as `WebSocket.CLOSED`. */
  readonly CLOSED: 3;

  /**
   * How Binary messages are handed over: as a Buffer (`'nodebuffer'`), an ArrayBuffer (`'arraybuffer'`), an array with one
   * Buffer for each fragment that is not empty (`'fragments'`), or a Blob (`'blob'`). Other values are ignored. Text is not
   * affected.
   *
   * The type of this property and `RawData` do not mention Blob, as in `@types/ws`. With `'fragments'`, a compressed message
   * is a single Buffer; npm `ws` gives one for each fragment.
   *
   * @defaultValue `'nodebuffer'`
   */
  get binaryType(): BinaryType;
  set binaryType(type: BinaryType | 'blob');
  /**
   * How many bytes were sent that the system has not taken yet, frame headers included. Frames that only wait for the end of
   * this turn of the event loop do not count, because npm `ws` would have written them. Once the socket is
   * CLOSING or CLOSED, whatever you try to send is added.
   */
  readonly bufferedAmount: number;
  /** The names of the agreed extensions, separated by commas; an empty string if there are none. */
  readonly extensions: string;
  /** Whether `pause` was called last, rather than `resume`. */
  readonly isPaused: boolean;
  /** The agreed subprotocol; an empty string if there is none. */
  readonly protocol: string;
  /** The state of the connection, as one of the four constants. */
  readonly readyState:
    | typeof WebSocket.CONNECTING
    | typeof WebSocket.OPEN
    | typeof WebSocket.CLOSING
    | typeof WebSocket.CLOSED;
  /** The URL that a client connects to, or was redirected to. On a server it is `undefined`, although the type says string. */
  readonly url: string;

  /** The listener for `open` that was set as this property; `null` if there is none. Set `null` to remove it. */
  onopen: ((event: WebSocket.Event) => void) | null;
  /** The listener for `error` that was set as this property; `null` if there is none. Set `null` to remove it. */
  onerror: ((event: WebSocket.ErrorEvent) => void) | null;
  /** The listener for `close` that was set as this property; `null` if there is none. Set `null` to remove it. */
  onclose: ((event: WebSocket.CloseEvent) => void) | null;
  /** The listener for `message` that was set as this property; `null` if there is none. Set `null` to remove it. */
  onmessage: ((event: WebSocket.MessageEvent) => void) | null;

  /**
   * Makes a socket of a server, which is not open yet. `WebSocketServer` does this for each connection that it accepts.
   *
   * @param address `null`
   * @param protocols has no effect
   * @param options `autoPong`, `closeTimeout`, `maxPendingAutoPongs` and `throwUnlistened`, as in `ServerOptions`
   */
  constructor(address: null, protocols?: undefined, options?: object);
  /**
   * Makes a client and starts to connect. If that fails, `error` and `close` are emitted.
   *
   * @param address a URL with the scheme `ws:`, `wss:`, `http:` or `https:`, or
   *   `ws+unix:<path of the Unix socket>:<path of the request>`. A user name and a password in it are sent as Basic
   *   authorization
   * @param options options of the opening handshake and of the connection
   * @throws SyntaxError if the URL is invalid, has another scheme, or has a fragment identifier
   * @throws RangeError if `protocolVersion` is neither 8 nor 13
   */
  constructor(address: string | URL, options?: WebSocket.ClientOptions | ClientRequestArgs);
  /**
   * Makes a client that offers subprotocols, and starts to connect. If that fails, `error` and `close` are emitted.
   *
   * @param address a URL with the scheme `ws:`, `wss:`, `http:` or `https:`, or
   *   `ws+unix:<path of the Unix socket>:<path of the request>`. A user name and a password in it are sent as Basic
   *   authorization
   * @param protocols the subprotocols to offer, most wanted first. A server that chooses none of them fails the handshake
   * @param options options of the opening handshake and of the connection
   * @throws SyntaxError if the URL is invalid, has another scheme, or has a fragment identifier; if a subprotocol is not a
   *   token, or occurs twice
   * @throws RangeError if `protocolVersion` is neither 8 nor 13
   */
  constructor(
    address: string | URL,
    protocols?: string | string[],
    options?: WebSocket.ClientOptions | ClientRequestArgs,
  );

  /**
   * Starts the closing handshake (RFC 6455 §7.1.2). Messages still arrive until the peer's Close frame does. A second call
   * has no effect.
   *
   * A client that is CONNECTING gives up: an `error` follows, then `close` with 1006.
   *
   * @param code the close code: 1000 to 1003, 1007 to 1014, or 3000 to 4999. Default: none, which the peer reads as 1005
   * @param data the reason, at most 123 bytes of UTF-8. Without a code it is not sent
   * @throws TypeError if a Close frame may not carry `code`, or if the reason is neither a string nor a Uint8Array. The
   *   socket stays open
   * @throws RangeError if the reason has more than 123 bytes. The socket stays open
   */
  close(code?: number, data?: string | Buffer): void;
  /**
   * Sends a Ping (RFC 6455 §5.5.2). The answer is a `pong` event.
   *
   * @param data at most 125 bytes: a string, a number, or anything that `Buffer.from` accepts. Default: none
   * @param mask whether the payload is masked. Default: `true` on a client, `false` on a server
   * @param cb called once, without an error after the frame has left, otherwise with the error. It may stand in the place of
   *   either argument before it
   * @throws Error while CONNECTING
   * @throws TypeError if `Buffer.from` does not accept `data`
   * @throws RangeError if `data` has more than 125 bytes
   */
  ping(data?: any, mask?: boolean | ((err: Error) => void), cb?: (err: Error) => void): void;
  /**
   * Sends a Pong (RFC 6455 §5.5.3). The peer's Pings are answered without it, unless `autoPong` is `false`.
   *
   * @param data at most 125 bytes: a string, a number, or anything that `Buffer.from` accepts. Default: none
   * @param mask whether the payload is masked. Default: `true` on a client, `false` on a server
   * @param cb called once, without an error after the frame has left, otherwise with the error. It may stand in the place of
   *   either argument before it
   * @throws Error while CONNECTING
   * @throws TypeError if `Buffer.from` does not accept `data`
   * @throws RangeError if `data` has more than 125 bytes
   */
  pong(data?: any, mask?: boolean | ((err: Error) => void), cb?: (err: Error) => void): void;
  /**
   * Sends a message. Messages leave in the order of the calls.
   *
   * @param data what to send. Its bytes must not change before `cb` is called
   * @param cb called once, without an error after the message has left, otherwise with the error. On a socket that is not
   *   open any more that is the only sign: `send` does not throw then
   * @throws Error while CONNECTING
   * @throws TypeError if `data` cannot be sent
   */
  send(data: Sendable, cb?: (err?: Error) => void): void;
  /**
   * Sends a message, or one fragment of it, with options. Messages leave in the order of the calls.
   *
   * @param data what to send. Its bytes must not change before `cb` is called
   * @param options `binary`: send Binary rather than Text (default: unless `data` is a string or a number); `compress`:
   *   compress, if that was agreed (default `true`); `fin`: this is the last fragment of the message (default `true`);
   *   `mask`: mask the payload (default: `true` on a client, `false` on a server). The first fragment decides about `binary`
   *   and `compress`. As in npm `ws`, an option that is present with the value `undefined` counts as `false`
   * @param cb called once, without an error after the frame has left, otherwise with the error. On a socket that is not open
   *   any more that is the only sign: `send` does not throw then
   * @throws Error while CONNECTING
   * @throws TypeError if `data` cannot be sent
   */
  send(
    data: Sendable,
    options: {
      mask?: boolean | undefined;
      binary?: boolean | undefined;
      compress?: boolean | undefined;
      fin?: boolean | undefined;
    },
    cb?: (err?: Error) => void,
  ): void;
  /**
   * Ends the connection at once, without a closing handshake. `close` follows, with 1006 unless a Close frame had arrived.
   *
   * A client that is CONNECTING gives up: an `error` follows, then `close` with 1006.
   */
  terminate(): void;
  /**
   * Stops receiving, before the next frame. npm `ws` still emits the rest of what it has read. When the connection ends,
   * everything that was received is emitted all the same. It has no effect while CONNECTING or CLOSED.
   */
  pause(): void;
  /** Receives again after `pause`. It has no effect while CONNECTING or CLOSED. */
  resume(): void;

  /**
   * Adds a listener as EventTarget does, for `open`, `message`, `error` or `close`. Other types are ignored, and so is a
   * listener that was added already.
   *
   * @param type the event
   * @param listener gets an event object; with `message`, text is a string
   * @param options `once`: remove it after its first event
   */
  addEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener: Handler<WebSocket.WebSocketEventMap[K]>,
    options?: WebSocket.EventListenerOptions,
  ): void;
  /**
   * Removes a listener that `addEventListener` added.
   *
   * @param type the event
   * @param listener the same function or object
   */
  removeEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener: Handler<WebSocket.WebSocketEventMap[K]>,
  ): void;

  /**
   * `close`: the connection has ended, or the opening handshake has failed. It is the last event and is emitted once.
   *
   * `code` is the code of the peer's Close frame (RFC 6455 §7.4): 1005 if the frame has none, 1006 if there was no Close
   * frame. `reason` is its reason as UTF-8, often empty; the listener may keep it.
   */
  on(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  /**
   * `error`: the opening handshake has failed, the peer has broken the protocol or a limit, or a Blob could not be read.
   * `close` follows.
   *
   * If the peer is at fault on an open connection, `error.code` begins with `WS_ERR_`, or is `Z_DATA_ERROR` if a compressed
   * message is invalid. A connection that breaks off emits no `error`, only `close` with 1006. Unlike in npm `ws`, an `error`
   * without a listener is not thrown, unless `throwUnlistened` is set.
   */
  on(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  /** `upgrade`, on a client: the server's 101 answer has arrived. It is emitted before the answer is checked. */
  on(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  /**
   * `message`: a message has arrived.
   *
   * With `isBinary` `false`, `data` is a Buffer of the text's UTF-8; otherwise it has the shape of `binaryType`. The listener
   * may keep it. What a listener throws is for the process to handle; if the process goes on, so does the connection.
   */
  on(event: 'message', listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void): this;
  /**
   * `open`, on a client: the opening handshake has succeeded, so messages can be sent. Sockets of a server are open before
   * their `connection` event.
   */
  on(event: 'open', listener: (this: WebSocket) => void): this;
  /**
   * `ping`, `pong`: a Ping or a Pong has arrived. `data` is its payload, at most 125 bytes, which the listener may keep. A
   * Ping is answered without your help, unless `autoPong` is `false`.
   */
  on(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  /**
   * `redirect`, on a client with `followRedirects`: the request to the next URL was made, and may be changed before it is
   * sent.
   *
   * With a listener, credentials are yours to remove: `authorization` and `cookie` fields go along even to another host.
   */
  on(event: 'redirect', listener: (this: WebSocket, url: string, request: ClientRequest) => void): this;
  /**
   * `unexpected-response`, on a client: the server has answered something other than 101.
   *
   * With a listener nothing else happens: read the response if you like, then call `terminate`. Without one, the handshake fails
   * with the error `Unexpected server response: <status>`.
   */
  on(
    event: 'unexpected-response',
    listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  /** Any other event, such as one that you emit yourself. */
  on(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;

  /** Adds a listener for the next event only. The events and their arguments are those of `on`. */
  once(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  once(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  once(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  once(event: 'message', listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void): this;
  once(event: 'open', listener: (this: WebSocket) => void): this;
  once(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  once(event: 'redirect', listener: (this: WebSocket, url: string, request: ClientRequest) => void): this;
  once(
    event: 'unexpected-response',
    listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  once(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;

  /** Removes a listener that `on` or `once` added. */
  off(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  off(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  off(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  off(event: 'message', listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void): this;
  off(event: 'open', listener: (this: WebSocket) => void): this;
  off(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  off(event: 'redirect', listener: (this: WebSocket, url: string, request: ClientRequest) => void): this;
  off(
    event: 'unexpected-response',
    listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  off(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;

  /** Adds a listener, as `on` does. */
  addListener(event: 'close', listener: (code: number, reason: Buffer) => void): this;
  addListener(event: 'error', listener: (error: Error) => void): this;
  addListener(event: 'upgrade', listener: (request: IncomingMessage) => void): this;
  addListener(event: 'message', listener: (data: WebSocket.RawData, isBinary: boolean) => void): this;
  addListener(event: 'open', listener: () => void): this;
  addListener(event: 'ping' | 'pong', listener: (data: Buffer) => void): this;
  addListener(event: 'redirect', listener: (url: string, request: ClientRequest) => void): this;
  addListener(
    event: 'unexpected-response',
    listener: (request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  addListener(event: string | symbol, listener: (...args: any[]) => void): this;

  /** Removes a listener, as `off` does. */
  removeListener(event: 'close', listener: (code: number, reason: Buffer) => void): this;
  removeListener(event: 'error', listener: (error: Error) => void): this;
  removeListener(event: 'upgrade', listener: (request: IncomingMessage) => void): this;
  removeListener(event: 'message', listener: (data: WebSocket.RawData, isBinary: boolean) => void): this;
  removeListener(event: 'open', listener: () => void): this;
  removeListener(event: 'ping' | 'pong', listener: (data: Buffer) => void): this;
  removeListener(event: 'redirect', listener: (url: string, request: ClientRequest) => void): this;
  removeListener(
    event: 'unexpected-response',
    listener: (request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  removeListener(event: string | symbol, listener: (...args: any[]) => void): this;
}

declare const WebSocketClass: typeof WebSocket;
interface WebSocketClass extends WebSocket {}

declare namespace WebSocket {
  /** The data of a `message` event. After `binaryType = 'blob'` it may be a Blob as well. */
  type RawData = Buffer | ArrayBuffer | Buffer[];

  /** The data of a `MessageEvent`. Text is a string. After `binaryType = 'blob'` it may be a Blob as well. */
  type Data = string | Buffer | ArrayBuffer | Buffer[];

  /** One certificate or key, or several. */
  type CertMeta = string | string[] | Buffer | Buffer[];

  /**
   * Decides during the call whether a client may connect. `true` accepts it; `false` refuses it with status 401.
   *
   * @param info the Origin, whether the connection is secure, and the request
   */
  type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> = (info: {
    /** The value of the Origin header field, which browsers send. Without it `undefined`, although the type says string. */
    origin: string;
    /** Whether the connection uses TLS. */
    secure: boolean;
    /** The upgrade request. */
    req: Request;
  }) => boolean;

  /**
   * Decides later whether a client may connect. A `verifyClient` with exactly two parameters is called in this way.
   *
   * @param info the Origin, whether the connection is secure, and the request
   * @param callback `res`: `true` accepts the client. If it is refused, the answer has the status `code` (default 401), the
   *   body `message` (default: the name of the status) and the header fields `headers` besides its own
   */
  type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> = (
    info: { origin: string; secure: boolean; req: Request },
    callback: (res: boolean, code?: number, message?: string, headers?: OutgoingHttpHeaders) => void,
  ) => void;

  /**
   * Completes the request of an opening handshake, and must call `request.end()`.
   *
   * @param request the request, which is not sent yet
   * @param websocket the client that made it
   */
  type FinishRequestCallback = (request: ClientRequest, websocket: WebSocket) => void;

  /**
   * Options of a client. Other options go on to `http.request`, `https.request`, `net.connect` and `tls.connect`.
   *
   * Host, port and path of the request are those of the URL. As in npm `ws`, an option that is present with the value
   * `undefined` can lose its default: `maxPayload: undefined`, for example, is no limit. Leave such options out.
   */
  interface ClientOptions extends SecureContextOptions {
    /** Has no effect. */
    protocol?: string | undefined;
    /**
     * Whether redirects are followed. Credentials do not go along to another host or from `wss:` to `ws:`, unless there is a
     * listener for `redirect`.
     *
     * @defaultValue `false`
     */
    followRedirects?: boolean | undefined;
    /**
     * Writes the masking key of each frame into the 4 bytes that it gets. Default: an unpredictable key, as RFC 6455 §5.3
     * demands.
     */
    generateMask?(mask: Buffer): void;
    /**
     * How many milliseconds the server may be silent during the opening handshake, connecting included. Then `error` and
     * `close` are emitted. Unlike in npm `ws`, the wait for a connection from an `agent` is limited, too. Default: no limit.
     */
    handshakeTimeout?: number | undefined;
    /**
     * How many redirects are followed. One more fails the opening handshake.
     *
     * @defaultValue `10`
     */
    maxRedirects?: number | undefined;
    /**
     * Whether compression is offered (RFC 7692), and how messages are compressed.
     *
     * @defaultValue `true`
     */
    perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
    /** The local address to connect from, as in `net.connect`. */
    localAddress?: string | undefined;
    /** The local port to connect from, as in `net.connect`. */
    localPort?: number | undefined;
    /**
     * The protocol version to speak: 13, or 8 for a draft that has the same frames.
     *
     * @defaultValue `13`
     */
    protocolVersion?: number | undefined;
    /** More header fields of the request. They do not replace those of the opening handshake. Default: none. */
    headers?: { [key: string]: string } | undefined;
    /** The value of the Origin header field (Sec-WebSocket-Origin in version 8). Default: none. */
    origin?: string | undefined;
    /** The agent that provides the connection, as in `http.request`. Default: none; each client makes its own connection. */
    agent?: Agent | undefined;
    /** Has no effect: the host is that of the URL. */
    host?: string | undefined;
    /** The IP version to look addresses up for, 4 or 6, as in `net.connect`. Default: both. */
    family?: number | undefined;
    /** Looks up the address of the host, as in `net.connect`. Default: `dns.lookup`. */
    lookup?: TcpSocketConnectOpts['lookup'];
    /** Whether several addresses of the host are tried, as in `net.connect`. Default: that of Node. */
    autoSelectFamily?: boolean | undefined;
    /** How many milliseconds each of these attempts may take, as in `net.connect`. Default: that of Node. */
    autoSelectFamilyAttemptTimeout?: number | undefined;
    /** The server name for TLS, as in `tls.connect`. Default: the host of the URL, or none if that is an IP address. */
    servername?: ConnectionOptions['servername'];
    /** Checks the server's certificate, as in `tls.connect`: returns an Error to refuse it. Default: that of Node. */
    checkServerIdentity?(servername: string, cert: CertMeta | PeerCertificate): boolean | Error | undefined;
    /**
     * Whether a server must have a valid certificate, as in `tls.connect`.
     *
     * @defaultValue `true`
     */
    rejectUnauthorized?: boolean | undefined;
    /**
     * Whether several of the events `message`, `ping` and `pong` may be emitted in one turn of the event loop. With `false`,
     * each of them has a turn of its own.
     *
     * @defaultValue `true`
     */
    allowSynchronousEvents?: boolean | undefined;
    /**
     * Whether Pings are answered.
     *
     * @defaultValue `true`
     */
    autoPong?: boolean | undefined;
    /**
     * How many milliseconds the closing handshake may take, from `close` or the server's Close frame to the end of the
     * connection. The time starts anew while what was sent before leaves at 8 KiB/s or more; then the server has 8 s more for
     * each MiB of it, at most 2 minutes. npm `ws` grants neither.
     *
     * @defaultValue `30000`
     */
    closeTimeout?: number | undefined;
    /**
     * How many bytes one message may have, after it was inflated. More fails the connection with 1009. 0 is no limit.
     *
     * @defaultValue `104857600`, 100 MiB
     */
    maxPayload?: number | undefined;
    /**
     * In how many reads the payload of one frame may arrive. More fails the connection with 1008. 0 is no limit.
     *
     * @defaultValue `262144`
     */
    maxBufferedChunks?: number | undefined;
    /**
     * How many fragments one message may have. More fails the connection with 1008. 0 is no limit.
     *
     * @defaultValue `16384`
     */
    maxFragments?: number | undefined;
    /**
     * How many automatic Pongs may wait because the server does not read. One more ends the connection. 0 is no limit. npm
     * `ws` also counts the Pongs of one read, which a server that reads cannot avoid.
     *
     * @defaultValue `60`
     */
    maxPendingAutoPongs?: number | undefined;
    /**
     * Whether text and close reasons are accepted without a check that they are UTF-8.
     *
     * @defaultValue `false`
     */
    skipUTF8Validation?: boolean | undefined;
    /**
     * Whether an `error` event without a listener is thrown, which ends the process. npm `ws` always does this and has no such
     * option.
     *
     * @defaultValue `false`
     */
    throwUnlistened?: boolean | undefined;
    /** Makes the connection if there is no `agent`, as in `http.request`. Default: `net.connect` or `tls.connect`. */
    createConnection?: typeof createConnection | undefined;
    /** Completes the request, and must end it. Default: `request.end()`. */
    finishRequest?: FinishRequestCallback | undefined;
  }

  /**
   * Options of permessage-deflate (RFC 7692): what to ask of the peer, what to allow, and how to compress. docs/compression.md
   * says what compression costs, and what not to compress.
   */
  interface PerMessageDeflateOptions {
    /**
     * Whether the server compresses each message without reference to earlier ones (RFC 7692 §7.1.1.1). With `true` a client
     * asks for this, and a server does it. With `false` a server declines offers that ask for it. Default: a client does not
     * ask, and a server does what it is asked.
     */
    serverNoContextTakeover?: boolean | undefined;
    /**
     * Whether the client compresses each message without reference to earlier ones (RFC 7692 §7.1.1.2). With `true` a client
     * offers this, and a server demands it. With `false` a client takes no answer that demands it. Default: a client does what
     * it is asked, and a server does not ask.
     */
    clientNoContextTakeover?: boolean | undefined;
    /**
     * The size of the server's LZ77 window, in bits: 8 to 15 (RFC 7692 §7.1.2.1). A client asks the server for it; a server
     * uses it, and declines offers that ask for less. Default: a client does not ask, and a server does what it is asked.
     */
    serverMaxWindowBits?: number | undefined;
    /**
     * The size of the client's LZ77 window, in bits: 8 to 15 (RFC 7692 §7.1.2.2). A client offers it, and takes no answer with
     * more; a server demands it, and declines offers that do not allow it. Default: a client leaves the size to the server, and
     * a server does not ask.
     */
    clientMaxWindowBits?: number | undefined;
    /**
     * How to compress, in terms of zlib. `level` 1 to 3 takes less time and is the default; 4 to 6 gives fewer bytes. Both are
     * done by the codec of wasock. zlib compresses for level 0, levels 7 to 9, and `memLevel`, `strategy` and `dictionary`:
     * messages of up to 16 KiB at once, longer ones asynchronously; all asynchronously if they may refer to earlier ones. If
     * zlib does not accept the options, `send` throws.
     */
    zlibDeflateOptions?:
      | (Omit<ZlibOptions, 'dictionary'> & { dictionary?: Buffer | Buffer[] | DataView | undefined })
      | undefined;
    /** Has no effect on connections: the codec of wasock inflates. npm `ws` hands these options on to zlib. */
    zlibInflateOptions?: ZlibOptions | undefined;
    /**
     * Messages of fewer bytes are sent uncompressed, unless they may refer to earlier ones.
     *
     * @defaultValue `1024`
     */
    threshold?: number | undefined;
    /**
     * How many asynchronous calls of zlib may run at the same time in this thread. 0 is no limit. Each connection has its own
     * limit; in npm `ws` the first one that is used holds for the whole process.
     *
     * @defaultValue `10`
     */
    concurrencyLimit?: number | undefined;
  }

  /** The event that `onopen`, and listeners of `addEventListener` for `open`, get. */
  interface Event {
    /** The name of the event: `'open'`. */
    type: string;
    /** The socket that emitted it. */
    target: WebSocket;
  }

  /** The event that `onerror`, and listeners of `addEventListener` for `error`, get. */
  interface ErrorEvent {
    /** The Error of the `error` event. */
    error: any;
    /** The message of that Error. */
    message: string;
    /** The name of the event: `'error'`. */
    type: string;
    /** The socket that emitted it. */
    target: WebSocket;
  }

  /** The event that `onclose`, and listeners of `addEventListener` for `close`, get. */
  interface CloseEvent {
    /** Whether both sides have sent a Close frame. */
    wasClean: boolean;
    /** The code of the peer's Close frame (RFC 6455 §7.4): 1005 if it has none, 1006 if there was no Close frame. */
    code: number;
    /** The reason of the peer's Close frame; an empty string if there is none. */
    reason: string;
    /** The name of the event: `'close'`. */
    type: string;
    /** The socket that emitted it. */
    target: WebSocket;
  }

  /** The event that `onmessage`, and listeners of `addEventListener` for `message`, get. */
  interface MessageEvent {
    /** Text as a string; a Binary message as `binaryType` says. The listener may keep it. */
    data: Data;
    /** The name of the event: `'message'`. */
    type: string;
    /** The socket that emitted it. */
    target: WebSocket;
  }

  /** The events that `addEventListener` knows, by name. */
  interface WebSocketEventMap {
    /** The opening handshake has succeeded. */
    open: Event;
    /** Something has failed; `close` follows. */
    error: ErrorEvent;
    /** The connection has ended. */
    close: CloseEvent;
    /** A message has arrived. */
    message: MessageEvent;
  }

  /** Options of `addEventListener`. */
  interface EventListenerOptions {
    /**
     * Whether the listener is removed after its first event.
     *
     * @defaultValue `false`
     */
    once?: boolean | undefined;
  }

  /**
   * Options of a server. Exactly one of `port`, `server` and `noServer` must be given.
   *
   * As in npm `ws`, an option that is present with the value `undefined` can lose its default: `maxPayload: undefined`, for
   * example, is no limit. Leave such options out.
   *
   * @typeParam U the class of the sockets
   * @typeParam V the class of the requests
   */
  interface ServerOptions<
    U extends typeof WebSocket.WebSocket = typeof WebSocket.WebSocket,
    V extends typeof IncomingMessage = typeof IncomingMessage,
  > {
    /** The address to listen on, with `port`. Default: all addresses. */
    host?: string | undefined;
    /** The port to listen on, with an HTTP server of its own; 0 for any free one. Plain requests are answered with 426. */
    port?: number | undefined;
    /** How many connections may wait to be accepted, with `port`. Default: that of Node, 511. */
    backlog?: number | undefined;
    /**
     * An HTTP or HTTPS server, all of whose upgrade requests are answered. It is yours to start and to close. For several
     * WebSocketServers on one HTTP server use `noServer`.
     */
    server?: HttpServer<V> | HttpsServer<V> | undefined;
    /**
     * Decides who may connect. A function with exactly two parameters decides by its callback. Default: everybody may,
     * whatever the Origin.
     */
    verifyClient?: VerifyClientCallbackAsync<InstanceType<V>> | VerifyClientCallbackSync<InstanceType<V>> | undefined;
    /**
     * Chooses one of the subprotocols that a client offers; `false` for none. It is called only if there are any. The
     * result is not checked, and a client fails the handshake if it has not offered it. Default: the first offer.
     */
    handleProtocols?: (protocols: Set<string>, request: InstanceType<V>) => string | false;
    /** The path of the requests to accept, without a query; others are refused with 400. Default: any path. */
    path?: string | undefined;
    /**
     * Whether it listens nowhere, and accepts only requests that are passed to `handleUpgrade`.
     *
     * @defaultValue `false`
     */
    noServer?: boolean | undefined;
    /**
     * Whether several of the events `message`, `ping` and `pong` may be emitted in one turn of the event loop. With `false`,
     * each of them has a turn of its own.
     *
     * @defaultValue `true`
     */
    allowSynchronousEvents?: boolean | undefined;
    /**
     * Whether Pings are answered.
     *
     * @defaultValue `true`
     */
    autoPong?: boolean | undefined;
    /**
     * Whether `clients` holds the open sockets.
     *
     * @defaultValue `true`
     */
    clientTracking?: boolean | undefined;
    /**
     * How many milliseconds the closing handshake of a socket may take, from `close` or the client's Close frame to the end of
     * the connection. The time starts anew while what was sent before leaves at 8 KiB/s or more; then the client has 8 s more
     * for each MiB of it, at most 2 minutes. npm `ws` grants neither.
     *
     * @defaultValue `30000`
     */
    closeTimeout?: number | undefined;
    /**
     * Whether offers of compression are accepted (RFC 7692), and how messages are compressed.
     *
     * @defaultValue `false`
     */
    perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
    /**
     * How many bytes one message may have, after it was inflated. More fails the connection with 1009. 0 is no limit.
     *
     * @defaultValue `104857600`, 100 MiB
     */
    maxPayload?: number | undefined;
    /**
     * In how many reads the payload of one frame may arrive. More fails the connection with 1008. 0 is no limit.
     *
     * @defaultValue `262144`
     */
    maxBufferedChunks?: number | undefined;
    /**
     * How many fragments one message may have. More fails the connection with 1008. 0 is no limit.
     *
     * @defaultValue `16384`
     */
    maxFragments?: number | undefined;
    /**
     * How many automatic Pongs may wait because a client does not read. One more ends its connection. 0 is no limit. npm `ws`
     * also counts the Pongs of one read, which a client that reads cannot avoid.
     *
     * @defaultValue `60`
     */
    maxPendingAutoPongs?: number | undefined;
    /**
     * Whether text and close reasons are accepted without a check that they are UTF-8.
     *
     * @defaultValue `false`
     */
    skipUTF8Validation?: boolean | undefined;
    /**
     * Whether an `error` event of a socket without a listener is thrown, which ends the process. npm `ws` always does this and
     * has no such option. An `error` event of the server itself without a listener is always thrown.
     *
     * @defaultValue `false`
     */
    throwUnlistened?: boolean | undefined;
    /**
     * The class of the sockets.
     *
     * @defaultValue `WebSocket`
     */
    WebSocket?: U | undefined;
  }

  /** The address that a server listens on. */
  interface AddressInfo {
    /** The IP address. */
    address: string;
    /** The IP version: `'IPv4'` or `'IPv6'`. */
    family: string;
    /** The port. */
    port: number;
  }

  /**
   * A server that accepts WebSockets. ECMAScript modules import the class as `WebSocketServer`.
   *
   * @typeParam T the class of the sockets
   * @typeParam U the class of the requests
   *
   * @example
   * ```js
   * import { WebSocketServer } from 'wasock/ws';
   *
   * const wss = new WebSocketServer({ port: 8080 });
   * wss.on('connection', (ws, request) => {
   *   ws.on('error', (error) => console.error(request.url, error.message));
   *   ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
   * });
   * ```
   */
  class Server<
    T extends typeof WebSocket.WebSocket = typeof WebSocket.WebSocket,
    U extends typeof IncomingMessage = typeof IncomingMessage,
  > extends EventEmitter {
    /**
     * The options, with defaults. They are read at each upgrade and may be changed, except for `port`, `host`, `backlog`,
     * `server`, `noServer` and `clientTracking`.
     */
    options: ServerOptions<T, U>;
    /** A property for you to set. It has no effect, and is `undefined` before; the path to accept is `options.path`. */
    path: string;
    /** The sockets that are not CLOSED. With `clientTracking: false` it is `undefined`, although the type does not say so. */
    clients: Set<InstanceType<T>>;

    /**
     * Makes a server, and with `port` starts to listen. If that fails, `error` is emitted.
     *
     * @param options exactly one of `port`, `server` and `noServer`, and others
     * @param callback a listener for `listening`. It is called only with `port`
     * @throws TypeError unless exactly one of `port`, `server` and `noServer` is given
     */
    constructor(options?: ServerOptions<T, U>, callback?: () => void);

    /**
     * Returns the address that the HTTP server listens on.
     *
     * @returns the address; a string if it listens on a Unix socket; `null` before it listens, and after `close`
     * @throws Error with `noServer`
     */
    address(): AddressInfo | string | null;
    /**
     * Stops accepting sockets. `handleUpgrade` answers 503 from now on.
     *
     * Open sockets stay open, and `close` is emitted after the last of them is closed. Without `port` and with
     * `clientTracking: false` it does not wait for them. A `server` that you gave is not closed.
     *
     * @param cb a listener for `close`. It gets an Error if the server was closed before
     */
    close(cb?: (err?: Error) => void): void;
    /**
     * Answers an upgrade request (RFC 6455 §4.2). Call it in a listener for `upgrade` of an HTTP server, at once or later.
     *
     * @param request the request
     * @param socket its connection, which is the server's from now on
     * @param upgradeHead the bytes that came after the request
     * @param callback gets the open socket, during this call unless `verifyClient` has two parameters. It is not called if
     *   the request is refused or the client has left. No `connection` event is emitted; emit it in the callback
     * @throws Error if there is a WebSocket on `socket` already
     *
     * @example
     * ```js
     * import { createServer } from 'node:http';
     * import { WebSocketServer } from 'wasock/ws';
     *
     * const wss = new WebSocketServer({ noServer: true });
     * wss.on('connection', (ws) => ws.send('hello'));
     *
     * const server = createServer();
     * server.on('upgrade', (request, socket, head) => {
     *   if (request.url !== '/chat') return socket.destroy();
     *   wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request));
     * });
     * server.listen(8080);
     * ```
     */
    handleUpgrade(
      request: InstanceType<U>,
      socket: Duplex,
      upgradeHead: Buffer,
      callback: (client: InstanceType<T>, request: InstanceType<U>) => void,
    ): void;
    /**
     * Decides whether a request is for this server. Override it to decide otherwise than by path.
     *
     * @param request the upgrade request
     * @returns whether its path is `options.path`, or there is no such option; `false` refuses the request with 400. As in
     *   npm `ws`, a promise is not awaited and counts as `true`
     */
    shouldHandle(request: InstanceType<U>): boolean | Promise<boolean>;

    /**
     * `connection`: a WebSocket was accepted, and is open. Add its listeners during the call, because messages may arrive right
     * after it. With `noServer`, you emit this event yourself.
     */
    on(
      event: 'connection',
      listener: (this: Server<T>, websocket: InstanceType<T>, request: InstanceType<U>) => void,
    ): this;
    /** `error`: the HTTP server has failed, for example because the port is taken. Without a listener it is thrown. */
    on(event: 'error', listener: (this: Server<T>, error: Error) => void): this;
    /**
     * `headers`: a request is about to be accepted. `headers` are the lines of the 101 answer, the status line first; change
     * the array in place.
     */
    on(event: 'headers', listener: (this: Server<T>, headers: string[], request: InstanceType<U>) => void): this;
    /**
     * `listening`: the HTTP server listens. `close`: the server is closed, after a call of `close`. Neither has arguments.
     */
    on(event: 'close' | 'listening', listener: (this: Server<T>) => void): this;
    /**
     * `wsClientError`: the request breaks the rules of the opening handshake (RFC 6455 §4.2.1).
     *
     * With a listener the request is left to it: answer it, or destroy `socket`. Without one it is refused. Requests that
     * `path` or `verifyClient` refuses are not reported.
     */
    on(
      event: 'wsClientError',
      listener: (this: Server<T>, error: Error, socket: Duplex, request: InstanceType<U>) => void,
    ): this;
    /** Any other event, such as one that you emit yourself. */
    on(event: string | symbol, listener: (this: Server<T>, ...args: any[]) => void): this;

    /** Adds a listener for the next event only. The events and their arguments are those of `on`. */
    once(
      event: 'connection',
      listener: (this: Server<T>, websocket: InstanceType<T>, request: InstanceType<U>) => void,
    ): this;
    once(event: 'error', listener: (this: Server<T>, error: Error) => void): this;
    once(event: 'headers', listener: (this: Server<T>, headers: string[], request: InstanceType<U>) => void): this;
    once(event: 'close' | 'listening', listener: (this: Server<T>) => void): this;
    once(
      event: 'wsClientError',
      listener: (this: Server<T>, error: Error, socket: Duplex, request: InstanceType<U>) => void,
    ): this;
    once(event: string | symbol, listener: (this: Server<T>, ...args: any[]) => void): this;

    /** Removes a listener that `on` or `once` added. */
    off(
      event: 'connection',
      listener: (this: Server<T>, websocket: InstanceType<T>, request: InstanceType<U>) => void,
    ): this;
    off(event: 'error', listener: (this: Server<T>, error: Error) => void): this;
    off(event: 'headers', listener: (this: Server<T>, headers: string[], request: InstanceType<U>) => void): this;
    off(event: 'close' | 'listening', listener: (this: Server<T>) => void): this;
    off(
      event: 'wsClientError',
      listener: (this: Server<T>, error: Error, socket: Duplex, request: InstanceType<U>) => void,
    ): this;
    off(event: string | symbol, listener: (this: Server<T>, ...args: any[]) => void): this;

    /** Adds a listener, as `on` does. */
    addListener(event: 'connection', listener: (websocket: InstanceType<T>, request: InstanceType<U>) => void): this;
    addListener(event: 'error', listener: (error: Error) => void): this;
    addListener(event: 'headers', listener: (headers: string[], request: InstanceType<U>) => void): this;
    addListener(event: 'close' | 'listening', listener: () => void): this;
    addListener(
      event: 'wsClientError',
      listener: (error: Error, socket: Duplex, request: InstanceType<U>) => void,
    ): this;
    addListener(event: string | symbol, listener: (...args: any[]) => void): this;

    /** Removes a listener, as `off` does. */
    removeListener(event: 'connection', listener: (websocket: InstanceType<T>, request: InstanceType<U>) => void): this;
    removeListener(event: 'error', listener: (error: Error) => void): this;
    removeListener(event: 'headers', listener: (headers: string[], request: InstanceType<U>) => void): this;
    removeListener(event: 'close' | 'listening', listener: () => void): this;
    removeListener(
      event: 'wsClientError',
      listener: (error: Error, socket: Duplex, request: InstanceType<U>) => void,
    ): this;
    removeListener(event: string | symbol, listener: (...args: any[]) => void): this;
  }

  /** The class of servers, which accept WebSockets. The same as `Server`. */
  const WebSocketServer: typeof Server;
  /** A server with the default classes of sockets and requests. */
  interface WebSocketServer extends Server {}
  /** The class of sockets and clients: what `require` returns, by its name. */
  const WebSocket: typeof WebSocketClass;
  /** One end of a WebSocket connection. */
  interface WebSocket extends WebSocketClass {}

  /**
   * Wraps a WebSocket in a Duplex stream: each chunk that you write is sent as a message, and each message can be read.
   *
   * Written strings are sent as Binary, unless `decodeStrings` is `false`. Messages are read as bytes, which may be joined;
   * with `readableObjectMode` each message is one chunk, and text is a string. Writes wait until the WebSocket is open. A
   * slow reader pauses the WebSocket. Ending the stream starts the closing handshake; destroying it ends the connection.
   *
   * An error of the WebSocket destroys the stream with it, and is thrown if the stream has no `error` listener.
   *
   * @param websocket the WebSocket, whose messages the stream reads from now on
   * @param options options of the Duplex. `autoDestroy`, `emitClose`, `objectMode` and `writableObjectMode` have no effect
   * @returns the stream
   *
   * @example
   * ```js
   * import WebSocket, { createWebSocketStream } from 'wasock/ws';
   *
   * const stream = createWebSocketStream(new WebSocket('ws://localhost:8080'));
   * stream.on('error', (error) => console.error(error.message));
   * process.stdin.pipe(stream).pipe(process.stdout);
   * ```
   */
  function createWebSocketStream(websocket: WebSocket, options?: DuplexOptions): Duplex;

  /** Makes frames and writes them to a stream. */
  const Sender: typeof parts.Sender;
  /** Makes frames and writes them to a stream. */
  interface Sender extends parts.Sender {}
  /** Emits events for the frames in the bytes that are written to it. */
  const Receiver: typeof parts.Receiver;
  /** Emits events for the frames in the bytes that are written to it. */
  interface Receiver extends parts.Receiver {}
  /** Negotiates permessage-deflate (RFC 7692), and compresses and inflates messages with zlib. */
  const PerMessageDeflate: typeof parts.PerMessageDeflate;
  /** Negotiates permessage-deflate (RFC 7692), and compresses and inflates messages with zlib. */
  interface PerMessageDeflate extends parts.PerMessageDeflate {}
  /** Reads and writes the Sec-WebSocket-Extensions header field (RFC 6455 §9.1). */
  const extension: parts.Extension;
  /** Reads the Sec-WebSocket-Protocol header field (RFC 6455 §4.1, item 10). */
  const subprotocol: parts.Subprotocol;
}

export = WebSocket;
