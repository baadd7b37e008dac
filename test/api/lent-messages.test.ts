import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codec } from '../../src/codec/select.js';
import { type ServeOptions, serve, type WebSocket } from '../../src/index.js';
import { SEED } from '../support/codecs.js';
import { aWhile, until } from '../support/servers.js';
import { connectWs, type WsClient } from '../support/ws-client.js';

/** A message that says itself what must be in it. */
function messageOf(id: number, length: number): Buffer {
  const bytes = Buffer.alloc(Math.max(8, length));
  let state = id * 2_654_435_761;
  // It cannot be compressed, so that compressed ones are long as well.
  for (let at = 8; at + 4 <= bytes.length; at += 4) {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
  bytes.writeUInt32LE(id, 0);
  bytes.writeUInt32LE(bytes.length, 4);
  return bytes;
}

function isIntact(bytes: Buffer): boolean {
  return bytes.length >= 8 && bytes.equals(messageOf(bytes.readUInt32LE(0), bytes.readUInt32LE(4)));
}

/** What the handler does with a message, while it may. */
interface Deed {
  readonly what: 'send' | 'send twice' | 'send text too' | 'publish' | 'nothing';
  /** Which socket gets it. */
  readonly to: number;
}

interface Said {
  readonly by: number;
  readonly length: number;
  /** Bytes of a fragment; 0 for one frame. */
  readonly fragment: number;
  readonly deed: Deed;
  /** Before it, this client stops reading, or reads on. */
  readonly toggles: number | null;
}

const CLIENTS = 4;

const said: fc.Arbitrary<Said> = fc.record({
  by: fc.nat(CLIENTS - 1),
  length: fc.oneof(
    fc.integer({ min: 8, max: 40_000 }),
    fc.integer({ min: 500_000, max: 1_100_000 }),
    fc.constantFrom(65_535, 65_536, 131_072, 524_288, 1_048_576, 2_200_000),
  ),
  fragment: fc.constantFrom(0, 0, 0, 50_000, 300_000),
  deed: fc.record({
    what: fc.constantFrom('send', 'send', 'send', 'send twice', 'send text too', 'publish', 'nothing'),
    to: fc.nat(CLIENTS - 1),
  }) as fc.Arbitrary<Deed>,
  toggles: fc.option(fc.nat(CLIENTS - 1), { freq: 1 }),
});

function say({ ws }: WsClient, message: Buffer, { by, fragment }: Said): void {
  // What comes compressed is inflated to memory of its own.
  const compress = by === 0;
  if (fragment === 0) return ws.send(message, { compress });
  for (let at = 0; at < message.length; at += fragment) {
    ws.send(message.subarray(at, at + fragment), { compress, fin: at + fragment >= message.length });
  }
}

async function run(program: readonly Said[], options: Pick<ServeOptions, 'compression'>): Promise<void> {
  const sockets: WebSocket[] = [];
  const broken: string[] = [];
  let expected = 0;
  let handled = 0;
  const server = await serve({
    ...options,
    ...{ port: 0, host: '127.0.0.1', zeroCopy: true, maxPayload: 4_000_000, maxBackpressure: 1_000_000_000 },
    open(ws) {
      sockets.push(ws);
      ws.subscribe('all');
    },
    message(_ws, data) {
      handled++;
      const bytes = data as Buffer;
      if (!isIntact(bytes)) broken.push(`received ${bytes.length}`);
      const { what, to } = program[bytes.readUInt32LE(0)].deed;
      const ws = sockets[to];
      if (what === 'send text too') ws.send('text');
      if (what === 'send twice') sockets[(to + 1) % CLIENTS].send(bytes);
      if (what === 'publish') server.publish('all', bytes);
      else if (what !== 'nothing') ws.send(bytes);
      expected += { send: 1, 'send twice': 2, 'send text too': 1, publish: CLIENTS, nothing: 0 }[what];
    },
    error: (error) => broken.push(error.message),
  });
  const clients: WsClient[] = [];
  let received = 0;
  for (let i = 0; i < CLIENTS; i++) {
    const client = await connectWs(`ws://127.0.0.1:${server.port}`, [], {
      perMessageDeflate: options.compression !== undefined,
    });
    // Instead of keeping them.
    client.ws.removeAllListeners('message');
    client.ws.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) return;
      received++;
      if (!isIntact(data)) broken.push(`sent ${data.length}`);
    });
    clients.push(client);
  }
  for (const [id, line] of program.entries()) {
    const { by, length, toggles } = line;
    const toggled = toggles === null ? null : clients[toggles].ws;
    if (toggled?.isPaused) toggled.resume();
    else toggled?.pause();
    say(clients[by], messageOf(id, length), line);
    if (id % 5 === 0) await aWhile(1);
  }
  await until(() => handled === program.length || broken.length > 0);
  for (const { ws } of clients) ws.resume();
  await until(() => received === expected || broken.length > 0);
  expect(broken).toEqual([]);
  for (const { ws } of clients) ws.terminate();
  await server.close({ timeout: 1 });
}

describe.each([
  { name: 'plain', options: {} },
  { name: 'compressed', options: { compression: true as const } },
])('zeroCopy ($name)', ({ options }) => {
  test('messages of any size, sent on to peers that read late, arrive as they were', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(said, { minLength: 40, maxLength: 80 }), (program) => run(program, options)),
      { seed: SEED, numRuns: 5, interruptAfterTimeLimit: 8000 },
    );
  }, 60_000);
});

describe('the memory of a message that came in pieces', () => {
  /** A zeroCopy server whose handler is this, and a client. */
  async function lending(message: (ws: WebSocket, bytes: Buffer) => void) {
    const server = await serve({
      ...{ port: 0, host: '127.0.0.1', zeroCopy: true, maxPayload: 4_000_000, maxBackpressure: 1_000_000_000 },
      message: (ws, data) => message(ws, data as Buffer),
    });
    const client = await connectWs(`ws://127.0.0.1:${server.port}`);
    return { server, client, close: () => server.close({ timeout: 1 }) };
  }

  test('is used again when its handler has returned', async () => {
    const memories = new Set<ArrayBufferLike>();
    let count = 0;
    const { client, close } = await lending((_ws, bytes) => {
      count++;
      memories.add(bytes.buffer);
    });
    for (let i = 0; i < 20; i++) {
      client.ws.send(messageOf(i, 1_000_000));
      await until(() => count === i + 1);
    }
    memories.delete(codec.memory);
    expect(memories.size).toBeLessThan(5);
    await close();
  });

  test('is not used again while the kernel still reads it', async () => {
    const { client, close, server } = await lending((ws, bytes) => void ws.send(bytes));
    client.ws.pause();
    for (let i = 0; i < 30; i++) client.ws.send(messageOf(i, 1_000_000));
    await until(() => [...server.connections][0].bufferedAmount > 20_000_000);
    client.ws.resume();
    for (let i = 0; i < 30; i++) expect(isIntact((await client.next()) as Buffer)).toBe(true);
    await close();
  });

  test('is not used again at all if the connection ends before it has left', async () => {
    const { client, server, close } = await lending((ws, bytes) => void ws.send(bytes));
    client.ws.pause();
    for (let i = 0; i < 10; i++) client.ws.send(messageOf(i, 1_000_000));
    await until(() => [...server.connections][0].bufferedAmount > 1_000_000);
    client.ws.terminate();
    await until(() => server.connections.size === 0);
    const other = await connectWs(`ws://127.0.0.1:${server.port}`);
    for (let i = 0; i < 10; i++) {
      other.ws.send(messageOf(i, 1_000_000));
      expect(isIntact((await other.next()) as Buffer)).toBe(true);
    }
    await close();
  });
});
