// What goes from one typings to the other: `theirs` is @types/ws under another name, as a dependency may bring its own copy.

import type * as Theirs from 'theirs';
import type * as Ours from 'ws';

declare function pass<T>(value: T): void;
declare const ours: {
  socket: Ours.WebSocket;
  class: typeof Ours.WebSocket;
  server: Ours.WebSocketServer;
  client: Ours.ClientOptions;
  options: Ours.ServerOptions;
};
declare const theirs: {
  socket: Theirs.WebSocket;
  class: typeof Theirs.WebSocket;
  server: Theirs.WebSocketServer;
  client: Theirs.ClientOptions;
  options: Theirs.ServerOptions;
};

pass<Ours.WebSocket>(theirs.socket);
pass<Theirs.WebSocket>(ours.socket);
pass<Theirs.WebSocketServer>(ours.server);
pass<typeof Theirs.WebSocket>(ours.class);
pass<Ours.ClientOptions>(theirs.client);

/** Either way, so that neither is wider. */
type Same<A, B> = [A, B] extends [B, A] ? true : false;

pass<Same<Ours.RawData, Theirs.RawData>>(true);
pass<Same<Ours.Data, Theirs.Data>>(true);
pass<Same<Ours.CertMeta, Theirs.CertMeta>>(true);
pass<Same<Ours.AddressInfo, Theirs.AddressInfo>>(true);
pass<Same<Ours.Event, Theirs.Event>>(true);
pass<Same<Ours.ErrorEvent, Theirs.ErrorEvent>>(true);
pass<Same<Ours.CloseEvent, Theirs.CloseEvent>>(true);
pass<Same<Ours.MessageEvent, Theirs.MessageEvent>>(true);
pass<Same<Ours.EventListenerOptions, Theirs.EventListenerOptions>>(true);
pass<Same<Ours.FinishRequestCallback, Theirs.FinishRequestCallback>>(true);
pass<Same<Ours.VerifyClientCallbackSync, Theirs.VerifyClientCallbackSync>>(true);
pass<Same<Ours.VerifyClientCallbackAsync, Theirs.VerifyClientCallbackAsync>>(true);
pass<Same<Ours.PerMessageDeflateOptions['threshold'], Theirs.PerMessageDeflateOptions['threshold']>>(true);

/** No name of theirs is missing. */
type Missing<A, B> = Exclude<keyof A, keyof B>;

pass<Same<Missing<Theirs.WebSocket, Ours.WebSocket>, never>>(true);
pass<Same<Missing<typeof Theirs.WebSocket, typeof Ours.WebSocket>, never>>(true);
pass<Same<Missing<Theirs.Server, Ours.Server>, never>>(true);
pass<Same<Missing<Theirs.ClientOptions, Ours.ClientOptions>, never>>(true);
pass<Same<Missing<Theirs.ServerOptions, Ours.ServerOptions>, never>>(true);
pass<Same<Missing<Theirs.PerMessageDeflateOptions, Ours.PerMessageDeflateOptions>, never>>(true);
pass<Same<Missing<Theirs.WebSocket.WebSocketEventMap, Ours.WebSocket.WebSocketEventMap>, never>>(true);
pass<Same<Missing<typeof Theirs, typeof Ours>, never>>(true);
