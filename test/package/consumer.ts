// The packed wasock, used from TypeScript: strict, its declarations checked too, under both ways to resolve modules, as an
// ECMAScript module and (copied to consumer.cts) as a CommonJS one.

import type { IncomingMessage } from 'node:http';
import {
  type AcceptOptions,
  type ClientOptions,
  type CloseResult,
  newWebSocket,
  Opcode,
  type PreparedMessage,
  prepare,
  ReadyState,
  serve,
  type WebSocket,
  WebSocketClosedError,
  WebSocketError,
} from 'wasock';

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`Not so: ${what}`);
}

async function main(): Promise<void> {
  const server = await serve<{ greeting: string }>({
    port: 0,
    host: '127.0.0.1',
    upgrade: (req) => ({ data: { greeting: `hello from ${req.url ?? '?'}` } }),
    open: (ws) => {
      ws.subscribe('all');
      ws.send(ws.data.greeting);
    },
    message: (ws, data, opcode) => {
      ws.send(data, opcode);
    },
  });
  // Options of Node, whose typings change from version to version.
  const ofNode: ClientOptions = { auth: 'user:password', family: 4, localAddress: '127.0.0.1', ca: [] };
  const ws: WebSocket = await newWebSocket(`ws://127.0.0.1:${server.port}/typed`, [], ofNode);
  check(ws.readyState === ReadyState.Open, 'open');
  const greeting: string = await ws.receiveStrPacket();
  check(greeting === 'hello from /typed', 'greeted');

  await ws.send(Buffer.from([0, 1, 255]));
  const { opcode, data } = await ws.receivePacket();
  check(opcode === Opcode.Binary, 'binary');
  check(Buffer.isBuffer(data) && data.equals(Buffer.from([0, 1, 255])), 'echoed');

  const prepared: PreparedMessage = prepare('to all');
  const count: number = server.publish('all', prepared);
  check(count === 1 && server.subscriberCount('all') === 1, 'published');
  check((await ws.receiveStrPacket()) === 'to all', 'a prepared message came');

  check(ws.response?.status === 101, 'the answer is known');
  const { closeCode, wasClean, cause } = await ws.close(1000);
  check(closeCode === 1000 && wasClean && cause === undefined, 'closed');
  try {
    await ws.receivePacket();
    check(false, 'rejected');
  } catch (error) {
    check(error instanceof WebSocketClosedError && error instanceof WebSocketError, 'a closed error');
  }
  // @ts-expect-error: a message is a string or bytes
  const wrong = (): unknown => ws.send(42);
  // @ts-expect-error: a topic is a string
  const wrongTopic = (): unknown => ws.subscribe(42);
  // @ts-expect-error: what was prepared does not change
  const wrongChange = (): unknown => (prepared.opcode = Opcode.Binary);
  // `data` gives its value and its type; without it nothing is known.
  const withData = (req: IncomingMessage): Promise<string> =>
    newWebSocket(req, [], { data: { user: 'Ada' } }).then((accepted) => accepted.data.user.toUpperCase());
  const withHandler = (req: IncomingMessage): Promise<CloseResult> =>
    newWebSocket(req, [], { data: { user: 'Ada' } }, (accepted) => accepted.data.user.toUpperCase());
  const withOptions = (req: IncomingMessage, options: AcceptOptions<{ user: string }>) =>
    newWebSocket(req, [], options).then((accepted) => accepted.data?.user.toUpperCase());
  // @ts-expect-error: it is unknown what data is
  const withoutData = (req: IncomingMessage) => newWebSocket(req).then((accepted) => accepted.data.user);
  // @ts-expect-error: a type alone gives no value
  const typeAlone = (req: IncomingMessage) => newWebSocket<{ user: string }>(req);
  // @ts-expect-error: a limit of a whole server
  const ofServer = (req: IncomingMessage) => newWebSocket(req, [], { maxConnections: 1 });
  check(
    [wrong, wrongTopic, wrongChange, withData, withOptions, withHandler, withoutData, typeAlone, ofServer].every(
      (call) => typeof call === 'function',
    ),
    'a wrong argument is an error of types',
  );
  await server.close();
  console.log('TypeScript: ok');
}

main();
