import { once } from 'node:events';
import { createServer } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { newWebSocket } from '../../src/api/new-websocket.js';
import type { WebSocket } from '../../src/index.js';
import type { Random } from '../model/random.mjs' with { 'resolution-mode': 'import' };
import { CERTIFICATE, PRIVATE_KEY } from '../support/certificate.js';
import { FrameParser } from '../support/frame-parser.js';
import { frameFor } from '../support/framer.js';
import { requestText } from '../support/raw-peer.js';
import { awaiting, served, until } from '../support/servers.js';
import { turns } from '../support/waiting.js';
import { WASOCK } from '../ws/implementations.js';

/** How one connection ends: by its server, or by its guest. */
const FATES = [
  'closed',
  'terminated',
  'flooded and closed',
  'flooded and terminated',
  'resets',
  'ends',
  'closes',
] as const;
type Fate = (typeof FATES)[number] | 'stays';

/** What is published to all: nobody's own. */
const PUBLIC = 0;

/** Every message consists of whose it is, so that a byte of somebody else's shows wherever it stands. */
function ofGuest(id: number, length: number): Buffer {
  return Buffer.alloc(length, `${String(id).padStart(4, '0')}|`);
}

const isOf = (id: number, bytes: Uint8Array): boolean => ofGuest(id, bytes.length).equals(bytes);

/** A socket of any entry point, as the server has it. */
interface Seat {
  send(data: Buffer): unknown;
  close(): unknown;
  terminate(): unknown;
}

/** Serves guests as their fates say. */
class Host {
  readonly fates = new Map<number, Fate>();
  /** Whose message held what was not his. */
  readonly foreign: number[] = [];
  received = 0;
  publish: (data: Buffer) => void = () => {};
  readonly #counts = new Map<number, number>();

  onMessage(id: number, data: Buffer, seat: Seat): void {
    this.received++;
    if (!isOf(id, data)) this.foreign.push(id);
    const count = (this.#counts.get(id) ?? 0) + 1;
    this.#counts.set(id, count);
    seat.send(data);
    if (this.received % 16 === 0) this.publish(ofGuest(PUBLIC, 700));
    if (count === 3) this.#fulfil(id, seat);
  }

  #fulfil(id: number, seat: Seat): void {
    const fate = this.fates.get(id);
    if (fate === 'resets' || fate === 'ends' || fate === 'closes' || fate === 'stays') return;
    // More than the kernels of both ends take, so that the rest waits in memory of ours.
    const isFlooded = fate === 'flooded and closed' || fate === 'flooded and terminated';
    for (let i = isFlooded ? 300 : 8; i > 0; i--) seat.send(ofGuest(id, isFlooded ? 31_000 : 900));
    if (fate === 'closed' || fate === 'flooded and closed') seat.close();
    else if (fate === 'terminated') seat.terminate();
    // Once the kernel has begun to read.
    else setImmediate(() => seat.terminate());
  }
}

type Start = (host: Host, secure: boolean) => Promise<number>;

const idOf = (url = ''): number => Number(url.split('=')[1]);
const seatOf = (ws: WebSocket): Seat => ({
  send: (data) => ws.send(data),
  close: () => ws.close(),
  terminate: () => ws.hangup(),
});

/** What lets floods through. */
const LIMITS = { maxBackpressure: Number.POSITIVE_INFINITY, closeTimeout: 400 };
const TLS = { cert: CERTIFICATE, key: PRIVATE_KEY };

const STARTS: readonly [string, Start][] = [
  [
    'serve',
    async (host, secure) => {
      const { server, port } = await served<number>({
        ...LIMITS,
        ...(secure ? { tls: TLS } : {}),
        upgrade: (request) => ({ data: idOf(request.url) }),
        open: (ws) => ws.subscribe('all'),
        message: (ws, data) => host.onMessage(ws.data, data as Buffer, seatOf(ws as WebSocket)),
      });
      host.publish = (data) => void server.publish('all', data);
      return port;
    },
  ],
  [
    'await style',
    async (host) => {
      const { upgrades, port } = await awaiting(async (request) => {
        const ws = await newWebSocket(request, undefined, LIMITS);
        ws.subscribe('all');
        for await (const data of ws) host.onMessage(idOf(request.url), data as Buffer, seatOf(ws));
      });
      host.publish = (data) => void upgrades.publish('all', data);
      return port;
    },
  ],
  [
    'wasock/ws',
    async (host, secure) => {
      const server = secure ? https.createServer(TLS) : createServer();
      const wss = new WASOCK.WebSocketServer({ server });
      wss.on('connection', (ws, request) => {
        ws.on('error', () => {});
        ws.on('message', (data) => host.onMessage(idOf(request.url), data as Buffer, ws));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      onTestFinished(() => {
        for (const client of wss.clients) client.terminate();
        server.close();
      });
      return (server.address() as AddressInfo).port;
    },
  ],
];

const CLOSE = frameFor('server', 8);

/** A client that knows nothing of the code under test. */
class Guest {
  readonly #id: number;
  readonly #stream: Duplex;
  readonly #parser = new FrameParser();
  #head: Buffer | null = Buffer.alloc(0);
  #isSending = true;
  ended = false;

  private constructor(id: number, stream: Duplex) {
    this.#id = id;
    this.#stream = stream;
    const onEnd = () => {
      this.ended = true;
    };
    stream.on('error', () => {});
    stream.on('data', (bytes) => this.#onData(bytes));
    stream.on('end', onEnd).on('close', onEnd);
    stream.write(requestText({}, `GET /ws?id=${id} HTTP/1.1`));
  }

  static async connect(id: number, port: number, secure: boolean): Promise<Guest> {
    const raw = net.connect(port, '127.0.0.1').on('error', () => {});
    onTestFinished(() => void raw.destroy());
    await once(raw, 'connect');
    if (!secure) return new Guest(id, raw);
    const stream = tls.connect({ socket: raw, rejectUnauthorized: false }).on('error', () => {});
    await once(stream, 'secureConnect');
    return new Guest(id, stream);
  }

  #onData(bytes: Buffer): void {
    this.#take(bytes);
    if (!this.#isSending) this.#answerClose();
  }

  /** Not in the middle of a frame. */
  #answerClose(): void {
    if (this.#parser.frames.at(-1)?.opcode === 8) this.#close();
  }

  #close(): void {
    if (!this.#stream.writableEnded) this.#stream.end(CLOSE);
  }

  #take(bytes: Buffer): void {
    if (this.#head === null) return this.#parser.push(bytes);
    const head = Buffer.concat([this.#head, bytes]);
    const end = head.indexOf('\r\n\r\n');
    this.#head = end === -1 ? head : null;
    if (end !== -1) this.#parser.push(head.subarray(end + 4));
  }

  /** Sends some messages, each in two pieces, and does what its fate says. */
  async visit(fate: Fate, random: Random): Promise<void> {
    const stream = this.#stream;
    const count = 4 + random.below(5);
    for (let i = 0; i < count && !this.ended; i++) {
      const length = random.of([0, 5, 60, 125, 126, 2000, 20_000, 40_000]) as number;
      const frame = frameFor('server', 2, ofGuest(this.#id, length));
      const cut = random.below(frame.length);
      if (fate.startsWith('flooded') && i === 2) stream.pause();
      stream.write(frame.subarray(0, cut));
      if (random.once(2)) await turns(1);
      stream.write(frame.subarray(cut));
    }
    this.#isSending = false;
    this.#answerClose();
    if (fate === 'stays') {
      await until(() => this.#parser.frames.length >= count && this.#own.length === count);
      this.#close();
    }
    if (fate === 'closes') this.#close();
    if (fate === 'ends') stream.end();
    if (fate === 'resets') stream.destroy();
    await turns(5);
    stream.resume();
    await until(
      () => this.ended,
      () => `the end of a connection: ${fate}, seed ${SEED}`,
    );
    stream.destroy();
  }

  /** The messages that were not for all. */
  get #own(): Uint8Array[] {
    const payloads = this.#parser.frames.filter(({ opcode }) => opcode === 2).map(({ payload }) => payload);
    return payloads.filter((payload) => payload.length === 0 || !isOf(PUBLIC, payload));
  }

  /** Whether all that came is its own, also of a frame that was cut off. */
  get isAlone(): boolean {
    const { rest, frames } = this.#parser;
    const strange = frames.filter(
      ({ opcode, rsv, fin, key }) => rsv !== 0 || !fin || key !== null || ![2, 8].includes(opcode),
    );
    const form = rest.length < 2 ? 0 : rest[1] === 127 ? 8 : rest[1] === 126 ? 2 : 0;
    const cut = rest.subarray(2 + form);
    const isRestOwn = rest.length < 2 || rest[0] === 0x88 || isOf(this.#id, cut) || isOf(PUBLIC, cut);
    return strange.length === 0 && isRestOwn && this.#own.every((payload) => isOf(this.#id, payload));
  }
}

/** Told by every failure. */
const SEED = Math.floor(performance.now() * 1e6) >>> 0;

test.each([
  ['serve', 'TCP', 250],
  ['await style', 'TCP', 250],
  ['wasock/ws', 'TCP', 250],
  ['serve', 'TLS', 60],
  ['wasock/ws', 'TLS', 60],
])(
  'hostile.A7.2: %s over %s: of %d connections, closed at random, none gets a byte of another',
  async (entryPoint, transport, visits) => {
    const { Random } = await import('../model/random.mjs');
    const random = new Random(SEED, visits);
    const secure = transport === 'TLS';
    const host = new Host();
    const port = await new Map(STARTS).get(entryPoint)!(host, secure);
    const mixedUp: string[] = [];
    let id = 0;
    const comeAndGo = async () => {
      while (id < visits) {
        const guestId = ++id;
        const fate: Fate = random.once(4) ? 'stays' : (random.of(FATES) as Fate);
        // Floods take time: one in so many shows what all of them would.
        const own: Fate = fate.startsWith('flooded') && !random.once(3) ? 'terminated' : fate;
        host.fates.set(guestId, own);
        const guest = await Guest.connect(guestId, port, secure);
        await guest.visit(own, random);
        if (!guest.isAlone) mixedUp.push(`${guestId}, ${own}`);
      }
    };
    await Promise.all(Array.from({ length: 25 }, comeAndGo));
    expect({ seed: SEED, mixedUp, foreign: host.foreign }).toEqual({ seed: SEED, mixedUp: [], foreign: [] });
    expect(host.received).toBeGreaterThan(visits * 2);
  },
);
