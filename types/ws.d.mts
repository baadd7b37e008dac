// The types of ws.d.ts, under the names that ECMAScript modules import.

import type { Extension, Subprotocol } from './ws-parts.js';

import WebSocket = require('./ws.js');
import Server = WebSocket.Server;

export import AddressInfo = WebSocket.AddressInfo;
export import CertMeta = WebSocket.CertMeta;
export import ClientOptions = WebSocket.ClientOptions;
export import CloseEvent = WebSocket.CloseEvent;
export import Data = WebSocket.Data;
export import ErrorEvent = WebSocket.ErrorEvent;
export import Event = WebSocket.Event;
export import EventListenerOptions = WebSocket.EventListenerOptions;
export import FinishRequestCallback = WebSocket.FinishRequestCallback;
export import MessageEvent = WebSocket.MessageEvent;
export import PerMessageDeflateOptions = WebSocket.PerMessageDeflateOptions;
export import RawData = WebSocket.RawData;
export import ServerOptions = WebSocket.ServerOptions;
export import VerifyClientCallbackAsync = WebSocket.VerifyClientCallbackAsync;
export import VerifyClientCallbackSync = WebSocket.VerifyClientCallbackSync;

/** A server that accepts WebSockets, as a type. The class is `WebSocketServer` here. */
export { type Server };

/**
 * The class of servers, which accept WebSockets.
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
export const WebSocketServer: typeof WebSocket.Server;
/** A server with the default classes of sockets and requests. */
export interface WebSocketServer extends Server {}

/**
 * Wraps a WebSocket in a Duplex stream: each chunk that you write is sent as a message, and each message can be read.
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
export const createWebSocketStream: typeof WebSocket.createWebSocketStream;

/** Makes frames and writes them to a stream. */
export const Sender: typeof WebSocket.Sender;
/** Makes frames and writes them to a stream. */
export interface Sender extends WebSocket.Sender {}
/** Emits events for the frames in the bytes that are written to it. */
export const Receiver: typeof WebSocket.Receiver;
/** Emits events for the frames in the bytes that are written to it. */
export interface Receiver extends WebSocket.Receiver {}
/** Negotiates permessage-deflate (RFC 7692), and compresses and inflates messages with zlib. */
export const PerMessageDeflate: typeof WebSocket.PerMessageDeflate;
/** Negotiates permessage-deflate (RFC 7692), and compresses and inflates messages with zlib. */
export interface PerMessageDeflate extends WebSocket.PerMessageDeflate {}
/** Reads and writes the Sec-WebSocket-Extensions header field (RFC 6455 §9.1). */
export const extension: Extension;
/** Reads the Sec-WebSocket-Protocol header field (RFC 6455 §4.1, item 10). */
export const subprotocol: Subprotocol;

/** One end of a WebSocket connection: the class of sockets and clients, with everything else as its properties. */
export { WebSocket };
export default WebSocket;
