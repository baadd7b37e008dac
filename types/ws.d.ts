/// <reference types="node" />

// biome-ignore-all lint/suspicious/noExplicitAny: whatever listeners take that @types/ws does not know is taken here too

// A superset of the interface that @types/ws 8.18 describes: what compiles against that must compile against this. So no class has
// a member that a stand-in for it would lack, and no type that users read is wider than it is there.

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
   * Removes a listener that `addEventListener` has added.
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

  /** Removes a listener that `on` or `once` has added. */
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
  /** What a `message` event hands over; a Blob in its place after `binaryType = 'blob'`. */
  type RawData = Buffer | ArrayBuffer | Buffer[];

  /** What a MessageEvent hands over: text as a string. */
  type Data = string | Buffer | ArrayBuffer | Buffer[];

  /** A certificate, or a key. */
  type CertMeta = string | string[] | Buffer | Buffer[];

  /** Says whether a client may connect; one that may not is answered 401. */
  type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> = (info: {
    /** The Origin field, which browsers send. */
    origin: string;
    /** Whether the request came over TLS. */
    secure: boolean;
    req: Request;
  }) => boolean;

  /**
   * Says later whether a client may connect, by a call of `callback`. A function with two parameters is taken for one of this kind.
   * The three that follow `res` are those of the refusal: by default 401, its name and no fields.
   */
  type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> = (
    info: { origin: string; secure: boolean; req: Request },
    callback: (res: boolean, code?: number, message?: string, headers?: OutgoingHttpHeaders) => void,
  ) => void;

  /** Completes the request of an opening handshake, and has to call `request.end()`. */
  type FinishRequestCallback = (request: ClientRequest, websocket: WebSocket) => void;

  /** The options of a client. Those of `http.request` and `https.request` may stand among them. */
  interface ClientOptions extends SecureContextOptions {
    /** Without effect. */
    protocol?: string | undefined;
    /** Whether redirections are followed. Default false. */
    followRedirects?: boolean | undefined;
    /** Writes the masking key of a frame into 4 bytes. Default: an unpredictable one. */
    generateMask?(mask: Buffer): void;
    /** Milliseconds for the opening handshake. Default: no limit. */
    handshakeTimeout?: number | undefined;
    /** Default 10. */
    maxRedirects?: number | undefined;
    /** Whether compression is offered (RFC 7692), and how. Default true. */
    perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
    localAddress?: string | undefined;
    localPort?: number | undefined;
    /** 13, the default, or 8. */
    protocolVersion?: number | undefined;
    headers?: { [key: string]: string } | undefined;
    /** The Origin field. */
    origin?: string | undefined;
    agent?: Agent | undefined;
    /** Without effect: the URL has it. */
    host?: string | undefined;
    /** Of the IP address: 4 or 6. Default: both. */
    family?: number | undefined;
    lookup?: TcpSocketConnectOpts['lookup'];
    autoSelectFamily?: boolean | undefined;
    autoSelectFamilyAttemptTimeout?: number | undefined;
    /** Of TLS. Default: the host of the URL, unless that is an address. */
    servername?: ConnectionOptions['servername'];
    /** Of TLS: returns the Error for which a certificate is refused. */
    checkServerIdentity?(servername: string, cert: CertMeta | PeerCertificate): boolean | Error | undefined;
    /** Of TLS. Default true. */
    rejectUnauthorized?: boolean | undefined;
    /** Whether `message`, `ping` and `pong` may come several times in one turn of the event loop. Default true. */
    allowSynchronousEvents?: boolean | undefined;
    /** Whether Pings are answered. Default true. */
    autoPong?: boolean | undefined;
    /** Milliseconds from `close` to the end of the connection. Default 30 000. */
    closeTimeout?: number | undefined;
    /** Octets of one message; more is Close 1009. 0 is unlimited. Default 100 MiB. */
    maxPayload?: number | undefined;
    /** Pieces of one message that wait for the rest; more is Close 1008. 0 is unlimited. Default 262 144. */
    maxBufferedChunks?: number | undefined;
    /** Fragments of one message; more is Close 1008. 0 is unlimited. Default 16 384. */
    maxFragments?: number | undefined;
    /** Pongs that the server does not read; at more the connection ends. 0 is unlimited. Default 60. */
    maxPendingAutoPongs?: number | undefined;
    /** Takes text that is not UTF-8 for what it is not. Default false. */
    skipUTF8Validation?: boolean | undefined;
    /** Whether an `error` that nobody listens for is thrown, which ends the process. Default false, unlike in npm `ws`. */
    throwUnlistened?: boolean | undefined;
    /** Makes the connection. Default: that of `net` or of `tls`. */
    createConnection?: typeof createConnection | undefined;
    finishRequest?: FinishRequestCallback | undefined;
  }

  /** What of RFC 7692 is asked for and allowed, and how to compress. */
  interface PerMessageDeflateOptions {
    /** Whether the server forgets what it has sent, after each message. */
    serverNoContextTakeover?: boolean | undefined;
    /** Whether the client forgets what it has sent, after each message. */
    clientNoContextTakeover?: boolean | undefined;
    /** Bits of the LZ77 window, 8 to 15. */
    serverMaxWindowBits?: number | undefined;
    /** Bits of the LZ77 window, 8 to 15. */
    clientMaxWindowBits?: number | undefined;
    /**
     * `level` 1 to 3 (the default) compresses in less time, 4 to 6 to fewer bytes. For 0 and 7 to 9, and for `memLevel`,
     * `strategy` and `dictionary`, zlib compresses.
     */
    zlibDeflateOptions?:
      | (Omit<ZlibOptions, 'dictionary'> & { dictionary?: Buffer | Buffer[] | DataView | undefined })
      | undefined;
    /** Without effect on connections: zlib inflates nothing there. */
    zlibInflateOptions?: ZlibOptions | undefined;
    /** Without takeover, messages below this many bytes leave as they are. Default 1024. */
    threshold?: number | undefined;
    /** Asynchronous calls of zlib at the same time, in this thread. Default 10. */
    concurrencyLimit?: number | undefined;
  }

  /** What listeners of the EventTarget kind get for `open`. */
  interface Event {
    type: string;
    target: WebSocket;
  }

  /** What listeners of the EventTarget kind get for `error`. */
  interface ErrorEvent {
    error: any;
    message: string;
    type: string;
    target: WebSocket;
  }

  /** What listeners of the EventTarget kind get for `close`. */
  interface CloseEvent {
    /** Whether Close frames went both ways. */
    wasClean: boolean;
    /** RFC 6455 §7.4; 1005 for a Close without a code, 1006 for an end without a Close. */
    code: number;
    reason: string;
    type: string;
    target: WebSocket;
  }

  /** What listeners of the EventTarget kind get for `message`. */
  interface MessageEvent {
    data: Data;
    type: string;
    target: WebSocket;
  }

  /** The events of the EventTarget kind. */
  interface WebSocketEventMap {
    open: Event;
    error: ErrorEvent;
    close: CloseEvent;
    message: MessageEvent;
  }

  /** The options of `addEventListener`. */
  interface EventListenerOptions {
    /** Whether the listener is taken back after the first event. Default false. */
    once?: boolean | undefined;
  }

  /**
   * The options of a server, of which exactly one of `port`, `server` and `noServer` is given.
   *
   * @typeParam U the class of the sockets
   * @typeParam V the class of the requests
   */
  interface ServerOptions<
    U extends typeof WebSocket.WebSocket = typeof WebSocket.WebSocket,
    V extends typeof IncomingMessage = typeof IncomingMessage,
  > {
    /** Default: all addresses. */
    host?: string | undefined;
    /** 0 for one that is free. */
    port?: number | undefined;
    /** Connections that wait to be accepted. Default 511. */
    backlog?: number | undefined;
    /** Whose upgrade requests are answered. */
    server?: HttpServer<V> | HttpsServer<V> | undefined;
    /** Says who may connect. Default: everybody. */
    verifyClient?: VerifyClientCallbackAsync<InstanceType<V>> | VerifyClientCallbackSync<InstanceType<V>> | undefined;
    /** Chooses one of the subprotocols that a client offers, or none by `false`. Default: the first one. */
    handleProtocols?: (protocols: Set<string>, request: InstanceType<V>) => string | false;
    /** The path of the requests to answer; others are answered 400. Default: any. */
    path?: string | undefined;
    /** Whether requests come by calls of `handleUpgrade` only. Default false. */
    noServer?: boolean | undefined;
    /** Whether `message`, `ping` and `pong` may come several times in one turn of the event loop. Default true. */
    allowSynchronousEvents?: boolean | undefined;
    /** Whether Pings are answered. Default true. */
    autoPong?: boolean | undefined;
    /** Whether there is `clients`. Default true. */
    clientTracking?: boolean | undefined;
    /** Milliseconds from `close` of a socket to the end of its connection. Default 30 000. */
    closeTimeout?: number | undefined;
    /** Whether offers of compression are accepted (RFC 7692), and how. Default false. */
    perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
    /** Octets of one message; more is Close 1009. 0 is unlimited. Default 100 MiB. */
    maxPayload?: number | undefined;
    /** Pieces of one message that wait for the rest; more is Close 1008. 0 is unlimited. Default 262 144. */
    maxBufferedChunks?: number | undefined;
    /** Fragments of one message; more is Close 1008. 0 is unlimited. Default 16 384. */
    maxFragments?: number | undefined;
    /** Pongs that a client does not read; at more its connection ends. 0 is unlimited. Default 60. */
    maxPendingAutoPongs?: number | undefined;
    /** Takes text that is not UTF-8 for what it is not. Default false. */
    skipUTF8Validation?: boolean | undefined;
    /** Whether an `error` of a socket that nobody listens for is thrown. Default false, unlike in npm `ws`. */
    throwUnlistened?: boolean | undefined;
    /** The class of the sockets. Default `WebSocket`. */
    WebSocket?: U | undefined;
  }

  /** Where a server listens. */
  interface AddressInfo {
    address: string;
    family: string;
    port: number;
  }

  /**
   * Accepts WebSockets.
   *
   * @typeParam T the class of the sockets
   * @typeParam U the class of the requests
   */
  class Server<
    T extends typeof WebSocket.WebSocket = typeof WebSocket.WebSocket,
    U extends typeof IncomingMessage = typeof IncomingMessage,
  > extends EventEmitter {
    /** May be changed: all but the place to listen on are read at each upgrade. */
    options: ServerOptions<T, U>;
    /** For those who set it: it has no effect, and is undefined before. */
    path: string;
    /** The open sockets; undefined with `clientTracking: false`. */
    clients: Set<InstanceType<T>>;

    /**
     * @param callback a listener for `listening`, with a `port`
     * @throws TypeError unless exactly one of `port`, `server` and `noServer` is given
     */
    constructor(options?: ServerOptions<T, U>, callback?: () => void);

    /** Where it listens; `null` once it is closed. @throws Error with `noServer` */
    address(): AddressInfo | string | null;
    /**
     * Accepts no more. Its sockets stay open; `close` comes once the last of them is closed.
     *
     * @param cb a listener for `close`; with an Error if the server was closed before
     */
    close(cb?: (err?: Error) => void): void;
    /**
     * Answers an upgrade request.
     *
     * @param upgradeHead bytes that came behind the request
     * @param callback gets the open socket, in this call unless `verifyClient` is asynchronous; not for what was refused
     * @throws Error for a socket on which there is a WebSocket already
     */
    handleUpgrade(
      request: InstanceType<U>,
      socket: Duplex,
      upgradeHead: Buffer,
      callback: (client: InstanceType<T>, request: InstanceType<U>) => void,
    ): void;
    /** Whether a request is for this server: by default if its path is `options.path`. To be overridden. */
    shouldHandle(request: InstanceType<U>): boolean | Promise<boolean>;

    /**
     * Calls the listener at each event. `headers` are the lines of the 101 answer, to be changed before they are written.
     * With a listener for `wsClientError`, faulty requests are left to it: it has to answer or destroy the socket.
     */
    on(
      event: 'connection',
      listener: (this: Server<T>, websocket: InstanceType<T>, request: InstanceType<U>) => void,
    ): this;
    on(event: 'error', listener: (this: Server<T>, error: Error) => void): this;
    on(event: 'headers', listener: (this: Server<T>, headers: string[], request: InstanceType<U>) => void): this;
    on(event: 'close' | 'listening', listener: (this: Server<T>) => void): this;
    on(
      event: 'wsClientError',
      listener: (this: Server<T>, error: Error, socket: Duplex, request: InstanceType<U>) => void,
    ): this;
    on(event: string | symbol, listener: (this: Server<T>, ...args: any[]) => void): this;

    /** As `on`, at the first event only. */
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

    /** Takes back what `on` or `once` did. */
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

    /** The same as `on`. */
    addListener(event: 'connection', listener: (websocket: InstanceType<T>, request: InstanceType<U>) => void): this;
    addListener(event: 'error', listener: (error: Error) => void): this;
    addListener(event: 'headers', listener: (headers: string[], request: InstanceType<U>) => void): this;
    addListener(event: 'close' | 'listening', listener: () => void): this;
    addListener(
      event: 'wsClientError',
      listener: (error: Error, socket: Duplex, request: InstanceType<U>) => void,
    ): this;
    addListener(event: string | symbol, listener: (...args: any[]) => void): this;

    /** The same as `off`. */
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

  /** The same class as `Server`. */
  const WebSocketServer: typeof Server;
  /** A server with the default classes of sockets and requests. */
  interface WebSocketServer extends Server {}
  /** The class itself. */
  const WebSocket: typeof WebSocketClass;
  /** A socket, by its name in the namespace. */
  interface WebSocket extends WebSocketClass {}

  /**
   * Wraps a WebSocket in a Duplex: a chunk is a message.
   *
   * @param options those of the Duplex
   */
  function createWebSocketStream(websocket: WebSocket, options?: DuplexOptions): Duplex;

  /** Makes frames and writes them to a stream. */
  const Sender: typeof parts.Sender;
  /** Makes frames and writes them to a stream. */
  interface Sender extends parts.Sender {}
  /** Makes events of frames that are written to it. */
  const Receiver: typeof parts.Receiver;
  /** Makes events of frames that are written to it. */
  interface Receiver extends parts.Receiver {}
  /** The negotiation of permessage-deflate, and its codec. */
  const PerMessageDeflate: typeof parts.PerMessageDeflate;
  /** The negotiation of permessage-deflate, and its codec. */
  interface PerMessageDeflate extends parts.PerMessageDeflate {}
  /** Reads and writes Sec-WebSocket-Extensions. */
  const extension: parts.Extension;
  /** Reads Sec-WebSocket-Protocol. */
  const subprotocol: parts.Subprotocol;
}

export = WebSocket;
