/// <reference types="node" />

// biome-ignore-all lint/suspicious/noExplicitAny: whatever listeners take that @types/ws does not know is taken here too

// A superset of the interface that @types/ws 8.18 describes: what compiles against that has to compile against this. So no member
// is added to a class that a stand-in for it would have to have, and no type that is read is wider than it is there.

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

/** What can be sent: a string goes as text, a number as the text of it, anything else as binary by `Buffer.from`. */
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

/** How the bytes of binary messages are handed over; `'blob'` may be set too. */
type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments';

/** A listener of the EventTarget kind: a function, or an object that has `handleEvent`. */
type Handler<E> = ((event: E) => void) | { handleEvent(event: E): void };

/** One end of a connection. Messages, and all that happens, come as events: see `on`. */
declare class WebSocket extends EventEmitter {
  /** Of `readyState`: the opening handshake is under way. */
  static readonly CONNECTING: 0;
  /** Of `readyState`: messages can be sent. */
  static readonly OPEN: 1;
  /** Of `readyState`: the closing handshake is under way. */
  static readonly CLOSING: 2;
  /** Of `readyState`: the connection has ended, or never came to be. */
  static readonly CLOSED: 3;
  /** As `WebSocket.CONNECTING`. */
  readonly CONNECTING: 0;
  /** As `WebSocket.OPEN`. */
  readonly OPEN: 1;
  /** As `WebSocket.CLOSING`. */
  readonly CLOSING: 2;
  /** As `WebSocket.CLOSED`. */
  readonly CLOSED: 3;

  /**
   * What binary messages are handed over as: a Buffer (`'nodebuffer'`, the default), an ArrayBuffer, an array of Buffers, one a
   * fragment, or a Blob. Reading it can give `'blob'` too, once that was set; `RawData` names no Blob either.
   */
  get binaryType(): BinaryType;
  set binaryType(type: BinaryType | 'blob');
  /** Octets that were sent and that the system has not taken yet; in a socket that has ended, those that were to be sent. */
  readonly bufferedAmount: number;
  /** The extensions that were agreed on, separated by commas. */
  readonly extensions: string;
  /** Whether `pause` was called last, rather than `resume`. */
  readonly isPaused: boolean;
  /** The subprotocol that was agreed on, or an empty string. */
  readonly protocol: string;
  /** One of the four states. */
  readonly readyState:
    | typeof WebSocket.CONNECTING
    | typeof WebSocket.OPEN
    | typeof WebSocket.CLOSING
    | typeof WebSocket.CLOSED;
  /** Where a client has connected to; undefined on a server. */
  readonly url: string;

  /** The one listener for `open` that is set this way; `null` takes it back, as with the three below. */
  onopen: ((event: WebSocket.Event) => void) | null;
  /** The one listener for `error` that is set this way. */
  onerror: ((event: WebSocket.ErrorEvent) => void) | null;
  /** The one listener for `close` that is set this way. */
  onclose: ((event: WebSocket.CloseEvent) => void) | null;
  /** The one listener for `message` that is set this way: text as a string, binary data as `binaryType` says. */
  onmessage: ((event: WebSocket.MessageEvent) => void) | null;

  /**
   * With `null`: a socket of a server, which `WebSocketServer` makes and opens.
   *
   * @param options those of the server
   */
  constructor(address: null, protocols?: undefined, options?: object);
  /**
   * Connects to a server.
   *
   * @param address `ws:`, `wss:`, `http:`, `https:`, or `ws+unix:<path of the socket>:<path of the request>`
   * @param options those of the opening handshake, and those of `http.request` or `https.request`
   * @throws SyntaxError for what is no such URL
   * @throws RangeError for a `protocolVersion` that is not spoken
   */
  constructor(address: string | URL, options?: WebSocket.ClientOptions | ClientRequestArgs);
  /**
   * Connects to a server.
   *
   * @param protocols the subprotocols to offer, the best first
   * @throws SyntaxError for what is no such URL, and for what is no list of different subprotocols
   */
  constructor(
    address: string | URL,
    protocols?: string | string[],
    options?: WebSocket.ClientOptions | ClientRequestArgs,
  );

  /**
   * Begins the closing handshake; without effect a second time. While CONNECTING it ends the opening handshake with an `error`.
   *
   * @param code 1000 to 4999, of those that may be sent. Default: none, which the peer reads as 1005
   * @param data the reason, at most 123 bytes
   * @throws TypeError for another code, RangeError for a longer reason; the socket stays open then
   */
  close(code?: number, data?: string | Buffer): void;
  /**
   * Sends a Ping.
   *
   * @param data at most 125 bytes
   * @param mask Default: true on a client
   * @param cb comes once it is written, or with an error. It may stand in the place of the others
   * @throws Error while CONNECTING, RangeError for more bytes
   */
  ping(data?: any, mask?: boolean | ((err: Error) => void), cb?: (err: Error) => void): void;
  /** Sends a Pong that nobody asked for; the Pings of the peer are answered anyway. As `ping`. */
  pong(data?: any, mask?: boolean | ((err: Error) => void), cb?: (err: Error) => void): void;
  /**
   * Sends a message.
   *
   * @param cb comes once it is written, or with an error
   * @throws Error while CONNECTING, TypeError for what cannot be sent
   */
  send(data: Sendable, cb?: (err?: Error) => void): void;
  /**
   * Sends a message, or a fragment of one.
   *
   * @param options `binary`: default true unless the data is text; `compress`: default true, where it was agreed on; `fin`: whether
   *   it is the last fragment, default true; `mask`: default true on a client
   * @param cb comes once it is written, or with an error
   * @throws Error while CONNECTING, TypeError for what cannot be sent
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
  /** Ends the connection without a closing handshake; the close code is 1006. */
  terminate(): void;
  /** Stops reading; what was read before may still come. Without effect while CONNECTING and once CLOSED. */
  pause(): void;
  /** Goes on reading. Without effect while CONNECTING and once CLOSED. */
  resume(): void;

  /** Calls the listener at each event; one that is there already is not added again. */
  addEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener: Handler<WebSocket.WebSocketEventMap[K]>,
    options?: WebSocket.EventListenerOptions,
  ): void;
  /** Takes back what `addEventListener` did. */
  removeEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener: Handler<WebSocket.WebSocketEventMap[K]>,
  ): void;

  /**
   * Calls the listener at each event. In `message`, text is a Buffer of its UTF-8 and binary data has the shape that
   * `binaryType` names. An `error` is followed by `close`.
   */
  on(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  on(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  on(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  on(event: 'message', listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void): this;
  on(event: 'open', listener: (this: WebSocket) => void): this;
  on(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  on(event: 'redirect', listener: (this: WebSocket, url: string, request: ClientRequest) => void): this;
  on(
    event: 'unexpected-response',
    listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  on(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;

  /** As `on`, at the first event only. */
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

  /** Takes back what `on` or `once` did. */
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

  /** The same as `on`. */
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

  /** The same as `off`. */
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
