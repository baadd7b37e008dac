import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, createServer, type Server, type ServerOpts, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { acceptCheaply } from '../../../src/net/node/accept.js';

const servers: Server[] = [];
const clients: Socket[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A server that listens, and whose connections are accepted by node:net or by us. */
async function listening(isOurs: boolean, options: ServerOpts = {}): Promise<Server> {
  const server = createServer(options);
  servers.push(server);
  server.on('connection', (socket) => socket.on('error', () => {}));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  if (isOurs) acceptCheaply(server, true);
  return server;
}

function handleOf(server: Server): { onconnection(status: number): void } {
  return (server as unknown as { _handle: { onconnection(status: number): void } })._handle;
}

async function accepted(server: Server): Promise<Socket> {
  const connection = once(server, 'connection');
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  clients.push(client.on('error', () => {}));
  return (await connection)[0];
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}

/** What can be told of a socket from outside, its symbols included, but for what differs from one to the next. */
function stateOf(socket: Socket): unknown[] {
  const record = socket as unknown as Record<string | symbol, unknown>;
  return Reflect.ownKeys(record).map((key) => {
    const value = record[key];
    const isPlain = value === null || ['boolean', 'string', 'undefined'].includes(typeof value);
    return [String(key), isPlain ? value : typeof value];
  });
}

describe.each([
  ['defaults', {}],
  ['without delay', { noDelay: true }],
  ['half-open and paused', { allowHalfOpen: true, pauseOnConnect: true }],
  ['kept alive', { keepAlive: true, keepAliveInitialDelay: 5000 }],
  ['another high-water mark', { highWaterMark: 5000 }],
])('%s', (_title, options) => {
  test('the socket is as node:net makes it', async () => {
    const theirs = await accepted(await listening(false, options));
    const ours = await accepted(await listening(true, options));
    expect(new Set(stateOf(ours).map(String))).toEqual(new Set(stateOf(theirs).map(String)));
    expect(ours.readableHighWaterMark).toBe(theirs.readableHighWaterMark);
    expect(ours.writableHighWaterMark).toBe(theirs.writableHighWaterMark);
    expect(ours.isPaused()).toBe(theirs.isPaused());
  });
});

test('octets go both ways, and each socket has a handle of its own', async () => {
  const server = await listening(true);
  server.on('connection', (socket) => socket.pipe(socket));
  const [first, second] = [await accepted(server), await accepted(server)];
  expect(first.remotePort).not.toBe(second.remotePort);
  for (const [i, client] of clients.entries()) {
    client.write(`to ${i}`);
    expect(String((await once(client, 'data'))[0])).toBe(`to ${i}`);
  }
});

test('its connections count, and the server closes when they have ended', async () => {
  const server = await listening(true);
  const socket = await accepted(server);
  expect(await connectionsOf(server)).toBe(1);
  const closed = once(server, 'close');
  server.close();
  socket.destroy();
  await closed;
  expect(await connectionsOf(server)).toBe(0);
});

test('maxConnections, set at any time, drops what is above', async () => {
  const server = await listening(true);
  await accepted(server);
  server.maxConnections = 1;
  const dropped = once(server, 'drop');
  clients.push(connect((server.address() as { port: number }).port, '127.0.0.1').on('error', () => {}));
  expect((await dropped)[0]).toMatchObject({ localFamily: 'IPv4' });
});

test('options of the server may change', async () => {
  const server = await listening(true);
  (server as unknown as { pauseOnConnect: boolean }).pauseOnConnect = true;
  expect((await accepted(server)).isPaused()).toBe(true);
});

test('asked again it changes nothing', async () => {
  const server = await listening(true);
  const handle = handleOf(server);
  const before = handle.onconnection;
  acceptCheaply(server, true);
  expect(handle.onconnection).toBe(before);
});

test('an error of accept is reported by node:net', async () => {
  const server = await listening(true);
  const failed = once(server, 'error').catch((error) => [error]);
  const handle = handleOf(server);
  handle.onconnection(-24);
  expect((await failed)[0]).toMatchObject({ code: 'EMFILE', syscall: 'accept' });
});

test('who watches the channel net.server.socket learns of each socket', async () => {
  const seen: unknown[] = [];
  const watch = (message: unknown) => void seen.push((message as { socket: Socket }).socket);
  channel('net.server.socket').subscribe(watch);
  try {
    const socket = await accepted(await listening(true));
    await new Promise(setImmediate);
    expect(seen.includes(socket)).toBe(true);
  } finally {
    channel('net.server.socket').unsubscribe(watch);
  }
});

test('nothing changes where it is not worthwhile, or where there is no such handle', async () => {
  const server = await listening(false);
  const handle = handleOf(server);
  const before = handle.onconnection;
  acceptCheaply(server, false);
  expect(handle.onconnection).toBe(before);
  expect(() => acceptCheaply(createServer(), true)).not.toThrow();
});
