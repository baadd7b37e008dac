// What neither typings let through.

import WebSocket, { type ClientOptions, type ServerOptions, WebSocketServer } from 'ws';

export function wrong(ws: WebSocket, wss: WebSocketServer): void {
  // @ts-expect-error: nothing is sent of an object without octets
  ws.send({ a: 1 } satisfies object as { a: number; valueOf: undefined });
  // @ts-expect-error: a message is needed
  ws.send();
  // @ts-expect-error: a code is a number
  ws.close('1000');
  // @ts-expect-error: the state is read
  ws.readyState = 1;
  // @ts-expect-error: there is no such type
  ws.binaryType = 'text';
  // @ts-expect-error: there is no such event
  ws.addEventListener('ping', () => {});
  // @ts-expect-error: a close event has no data
  ws.onclose = ({ data }) => data;
  // @ts-expect-error: a request is missing
  wss.handleUpgrade(() => {});
  // @ts-expect-error: the sockets are in a Set
  wss.clients.push(ws);
  // @ts-expect-error: a class is needed
  new WebSocketServer({ noServer: true, WebSocket: class {} });
  // @ts-expect-error: a URL is needed
  new WebSocket();
  const options: ServerOptions & ClientOptions = {};
  // @ts-expect-error: sizes are numbers
  options.maxPayload = '1mb';
  // @ts-expect-error: there is no such option
  const unknown: ServerOptions = { ports: 1 };
  void unknown;
}
