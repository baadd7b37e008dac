// As ws.d.ts describes it, with the names that ECMAScript modules import.

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

/** The class of servers; as a value it is `WebSocketServer` here. */
export { type Server };

/** Accepts WebSockets. */
export const WebSocketServer: typeof WebSocket.Server;
/** A server with the default classes of sockets and requests. */
export interface WebSocketServer extends Server {}

/** Wraps a WebSocket in a Duplex: a chunk is a message. */
export const createWebSocketStream: typeof WebSocket.createWebSocketStream;

/** Makes frames and writes them to a stream. */
export const Sender: typeof WebSocket.Sender;
/** Makes frames and writes them to a stream. */
export interface Sender extends WebSocket.Sender {}
/** Makes events of frames that are written to it. */
export const Receiver: typeof WebSocket.Receiver;
/** Makes events of frames that are written to it. */
export interface Receiver extends WebSocket.Receiver {}
/** The negotiation of permessage-deflate, and its codec. */
export const PerMessageDeflate: typeof WebSocket.PerMessageDeflate;
/** The negotiation of permessage-deflate, and its codec. */
export interface PerMessageDeflate extends WebSocket.PerMessageDeflate {}
/** Reads and writes Sec-WebSocket-Extensions. */
export const extension: typeof WebSocket.extension;
/** Reads Sec-WebSocket-Protocol. */
export const subprotocol: typeof WebSocket.subprotocol;

/** A WebSocket, with everything else on it. */
export { WebSocket };
export default WebSocket;
