// The packed wasock, used from TypeScript: strict, its declarations checked too, under both ways to resolve modules, as an
// ECMAScript module and (copied to consumer.cts) as a CommonJS one.

import {
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
  const ws: WebSocket = await newWebSocket(`ws://127.0.0.1:${server.port}/typed`);
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

  const { closeCode, wasClean } = await ws.close(1000);
  check(closeCode === 1000 && wasClean, 'closed');
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
  check(
    [wrong, wrongTopic, wrongChange].every((call) => typeof call === 'function'),
    'a wrong argument is an error of types',
  );
  await server.close();
  console.log('TypeScript: ok');
}

main();
