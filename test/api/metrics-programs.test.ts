import { once } from 'node:events';
import http from 'node:http';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  acceptUpgrades,
  newWebSocket,
  Opcode,
  prepare,
  type Server,
  type SlowPeer,
  serve,
  type Upgrades,
  type WebSocket,
} from '../../src/index.js';
import { expectBuffered } from '../support/buffered-bytes.js';
import { SEED } from '../support/codecs.js';
import { CountingPeer, type PeerCounts, type PeerMessage } from '../support/counting-peer.js';
import { noise, prose } from '../support/messages.js';
import { rawAnswer, requestText } from '../support/raw-peer.js';
import { fillUp, until } from '../support/servers.js';
import { turns } from '../support/waiting.js';

type Observed = Server | Upgrades;

const COUNTS = [
  'messagesReceived',
  'compressedMessagesReceived',
  'payloadBytesReceived',
  'wireBytesReceived',
  'messagesSent',
  'compressedMessagesSent',
  'payloadBytesSent',
  'wireBytesSent',
] as const;

const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
const MAX_BACKPRESSURE = 300_000;

type Kind = 'serve' | 'acceptUpgrades' | 'own limits';

interface Step {
  readonly act: (typeof ACTS)[number];
  /** Which of the connections that exist. */
  readonly who: number;
  readonly size: number;
  readonly text: 'ascii' | 'other' | 'bytes';
  readonly compress: boolean;
  readonly fragments: number;
  readonly code: number | null;
}

const ACTS = [
  'open',
  'open',
  'open compressed',
  'receive',
  'receive',
  'receive',
  'send',
  'send',
  'send',
  'burst',
  'publish',
  'publish',
  'prepared',
  'ping',
  'pinged',
  'pause',
  'resume',
  'slow',
  'slow',
  'server closes',
  'peer closes',
  'peer ends',
  'peer breaks a rule',
  'hangup',
  'reset',
  'refused',
] as const;

const STEP: fc.Arbitrary<Step> = fc.record({
  act: fc.constantFrom(...ACTS),
  who: fc.nat(),
  size: fc.oneof(
    { weight: 8, arbitrary: fc.nat(2000) },
    { weight: 2, arbitrary: fc.nat(70_000) },
    { weight: 1, arbitrary: fc.integer({ min: 100_000, max: 250_000 }) },
  ),
  text: fc.constantFrom('ascii', 'other', 'bytes'),
  compress: fc.boolean(),
  fragments: fc.constantFrom(1, 1, 2, 5),
  code: fc.constantFrom(null, 1000, 1001, 1011, 3000, 4999),
});

const REFUSALS = [
  { reason: 'origin', changes: { Origin: 'http://metrics.example' } },
  { reason: 'request', changes: { 'Sec-WebSocket-Key': undefined } },
  { reason: 'request', changes: { 'Sec-WebSocket-Version': '8' } },
] as const;

interface Link {
  readonly ws: WebSocket;
  readonly peer: CountingPeer;
  /** What has come while it was paused. */
  readonly waiting: PeerMessage[];
  paused: boolean;
}

/** What is sent: some of it gets shorter, some does not. */
function payloadOf({ size, text, compress }: Step): string | Buffer {
  if (text === 'bytes') return compress ? prose(size, size + 1) : noise(size);
  return (text === 'other' ? 'ä€😀 ' : 'and so on, ').repeat(size / 11 + 1).slice(0, size);
}

/** A server, its peers, and a plain model of its metrics. */
class Run {
  readonly server: Observed;
  readonly port: number;
  readonly slowPeer: SlowPeer;
  readonly links: Link[] = [];
  /** What the peers have counted whose connections have ended. */
  readonly ended: PeerCounts[] = [];
  readonly closes: Record<string, number> = {};
  readonly refused: Record<string, number> = {};
  total = 0;
  dropped = 0;
  slowEnded = 0;

  constructor(server: Observed, port: number, slowPeer: SlowPeer) {
    this.server = server;
    this.port = port;
    this.slowPeer = slowPeer;
  }

  static async begin(kind: Kind, slowPeer: SlowPeer, contextTakeover: boolean) {
    const limits = {
      slowPeer,
      maxBackpressure: MAX_BACKPRESSURE,
      maxPayload: 500_000,
      compression: { threshold: 100, contextTakeover },
    } as const;
    let run: Run;
    // What a handler sees in the midst of a turn.
    const look = () => expectBuffered(run.server);
    if (kind === 'serve') {
      const server = await serve({
        ...limits,
        host: '127.0.0.1',
        open: (ws) => ws.subscribe('all'),
        message: look,
        close: look,
        error: () => {},
      });
      run = new Run(server, server.port, slowPeer);
      return { run, end: () => server.close({ timeout: 1000 }) };
    }
    const own = kind === 'own limits' ? limits : {};
    const httpServer = http.createServer(async (request) => {
      const ws = await newWebSocket(request, undefined, own);
      ws.subscribe('all');
      for await (const _ of ws) look();
    });
    const server = acceptUpgrades(httpServer, { ...(kind === 'own limits' ? {} : limits), onError: () => {} });
    httpServer.listen(0, '127.0.0.1');
    await once(httpServer, 'listening');
    run = new Run(server, (httpServer.address() as { port: number }).port, slowPeer);
    const end = async () => {
      await server.close({ timeout: 1000 });
      httpServer.close();
      httpServer.closeAllConnections();
    };
    return { run, end };
  }

  model() {
    const sums = {} as PeerCounts;
    for (const name of COUNTS) {
      sums[name] = 0;
      for (const counts of this.ended) sums[name] += counts[name];
      for (const { peer } of this.links) sums[name] += peer.counts[name];
    }
    return {
      ...sums,
      connectionsOpen: this.links.length,
      connectionsTotal: this.total,
      connectionsPaused: this.links.filter(({ paused }) => paused).length,
      bufferedBytes: 0,
      messagesDropped: this.dropped,
      slowPeersEnded: this.slowEnded,
      rateLimited: 0,
      closesByCode: this.closes,
      handshakesRefused: this.refused,
      handshakesPending: 0,
      broker: null,
    };
  }

  /** Waits until all that is under way has arrived. Then both sides have counted the same. */
  async settle(): Promise<void> {
    const isEqual = () => JSON.stringify(sorted(this.server.metrics())) === JSON.stringify(sorted(this.model()));
    const deadline = performance.now() + 8000;
    do {
      expectBuffered(this.server);
      await turns(3);
    } while (!isEqual() && performance.now() < deadline);
    expect(this.server.metrics()).toEqual(this.model());
    await turns(2);
    expect(this.server.metrics()).toEqual(this.model());
  }

  /** A connection has ended. */
  left(link: Link, closeCode: number): void {
    this.links.splice(this.links.indexOf(link), 1);
    this.ended.push(link.peer.counts);
    this.closes[closeCode] = (this.closes[closeCode] ?? 0) + 1;
  }

  deliver({ peer, waiting }: Link): void {
    for (const message of waiting.splice(0)) peer.delivered(message);
  }

  async open(isCompressed: boolean): Promise<void> {
    const path = `/ws?${this.total++}`;
    const peer = await CountingPeer.connect(this.port, path, isCompressed ? OFFER : {});
    await until(() => [...this.server.connections].some(({ url }) => url === path));
    const ws = [...this.server.connections].find(({ url }) => url === path)!;
    this.links.push({ ws, peer, waiting: [], paused: false });
  }
}

function sorted(metrics: object): unknown {
  return Object.fromEntries(
    Object.entries(metrics)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, value !== null && typeof value === 'object' ? sorted(value) : value]),
  );
}

function closePayload(code: number | null): Buffer {
  const payload = Buffer.alloc(code === null ? 0 : 2);
  if (code !== null) payload.writeUInt16BE(code);
  return payload;
}

/** Takes one step, of which the effects may take their time. */
async function take(run: Run, step: Step): Promise<void> {
  const { act, size, fragments, code, compress } = step;
  if (act === 'open' || act === 'open compressed') return run.links.length < 5 ? run.open(act !== 'open') : undefined;
  if (act === 'refused') return refuse(run, step);
  if (act === 'publish') return void publish(run, step);
  const link = run.links[step.who % Math.max(1, run.links.length)];
  if (link === undefined) return;
  const { ws, peer } = link;
  if (act === 'receive') {
    const opcode = step.text === 'bytes' ? Opcode.Binary : Opcode.Text;
    const payload = Buffer.from(payloadOf(step));
    const message = { opcode, payload, isCompressed: compress, fragments };
    // More would fill the reserve of a paused socket, so that not all of it was read.
    const room = 50_000 - link.waiting.reduce((sum, { payload: { length } }) => sum + length + 100, 0);
    if (link.paused && payload.length > room) return;
    peer.send(message, !link.paused);
    if (link.paused) link.waiting.push(message);
  } else if (act === 'send') void ws.send(payloadOf(step), { compress });
  else if (act === 'burst') {
    for (let i = 0; i < 5; i++) {
      void ws.send(payloadOf({ ...step, size: (size >> i) + i }), { compress });
      expectBuffered(run.server);
    }
  } else if (act === 'prepared') void ws.send(prepare(payloadOf(step), { compress }));
  else if (act === 'ping') void ws.ping(size % 2 === 0 ? undefined : 'here?');
  else if (act === 'pinged') {
    // While data waits before it, it is not answered.
    if (!link.paused) peer.frame(9, 'there?');
  } else if (act === 'pause') {
    // What is under way comes before.
    await run.settle();
    ws.pause();
    link.paused = true;
  } else if (act === 'resume') {
    ws.resume();
    link.paused = false;
    run.deliver(link);
  } else if (act === 'slow') await fallBehind(run, link);
  else await end(run, link, step);
  expectBuffered(run.server);
  if (act === 'hangup' || act === 'reset') await ws.closed;
  if (code === -1) throw new Error('never');
}

function publish(run: Run, step: Step): void {
  const audience = run.links.length;
  expect(run.server.publish('all', payloadOf(step), { compress: step.compress })).toBe(audience);
  expectBuffered(run.server);
  const [first] = run.links;
  if (first !== undefined) expect(first.ws.publish('all', 'from one of them')).toBe(audience - 1);
  expectBuffered(run.server);
}

async function refuse(run: Run, { who }: Step): Promise<void> {
  const { reason, changes } = REFUSALS[who % REFUSALS.length];
  run.refused[reason] = (run.refused[reason] ?? 0) + 1;
  expect(await rawAnswer(run.port, requestText(changes))).toMatch(/^HTTP\/1.1 4/);
}

/** A peer reads nothing until more than maxBackpressure waits, and two messages more are sent to it. */
async function fallBehind(run: Run, link: Link): Promise<void> {
  await run.settle();
  const { ws, peer } = link;
  peer.raw.stopReading();
  await fillUp(ws, noise(200_000));
  while (ws.bufferedAmount <= MAX_BACKPRESSURE) {
    void ws.send(noise(200_000));
    expectBuffered(run.server);
  }
  const outcomes = [ws.send('one more'), ws.send(noise(500))];
  expectBuffered(run.server);
  const others = run.links.filter((other) => other !== link);
  const before = others.map((other) => other.peer.counts.messagesSent);
  expect(run.server.publish('all', 'and one for all')).toBe(others.length);
  expectBuffered(run.server);
  if (run.slowPeer === 'drop') run.dropped += 3;
  if (run.slowPeer === 'wait') run.dropped++;
  if (run.slowPeer === 'terminate') run.slowEnded++;
  expect(run.server.metrics().messagesDropped).toBe(run.dropped);
  expect(run.server.metrics().slowPeersEnded).toBe(run.slowEnded);
  const results = await Promise.allSettled(outcomes.map((outcome) => outcome ?? Promise.resolve()));
  expect(results[0].status).toBe(run.slowPeer === 'drop' ? 'fulfilled' : 'rejected');
  if (run.slowPeer !== 'terminate') {
    peer.raw.readOn();
    return run.settle();
  }

  // What had not left never will, and of the write under way the peer may have got a part.
  link.waiting.length = 0;
  await ws.closed;
  run.left(link, 1006);
  peer.raw.readOn();
  await peer.raw.takeAll();
  await until(() => run.links.every(({ peer: { counts } }, i) => counts.messagesSent === before[i] + 1));
  await until(() => run.server.metrics().bufferedBytes === 0);
  const { messagesSent, compressedMessagesSent, payloadBytesSent, wireBytesSent } = run.server.metrics();
  const seen = run.model();
  expect(wireBytesSent).toBeLessThanOrEqual(seen.wireBytesSent);
  expect(messagesSent).toBeGreaterThanOrEqual(seen.messagesSent);
  run.ended.push({
    ...ZERO,
    ...difference(seen, { messagesSent, compressedMessagesSent, payloadBytesSent, wireBytesSent }),
  });
}

const ZERO: PeerCounts = Object.fromEntries(COUNTS.map((name) => [name, 0])) as unknown as PeerCounts;

function difference(model: PeerCounts, metrics: Partial<PeerCounts>): Partial<PeerCounts> {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [name, (value as number) - model[name as keyof PeerCounts]]),
  );
}

/** The end of one connection. */
async function end(run: Run, link: Link, { act, code, compress }: Step): Promise<void> {
  await run.settle();
  const { ws, peer } = link;
  const late = { opcode: 1, payload: Buffer.from('too late'), isCompressed: compress, fragments: 1 };
  if (act === 'server closes') {
    void ws.close(code ?? undefined);
    if (compress) peer.send(late, false);
    peer.frame(8, closePayload(code));
    run.left(link, code ?? 1005);
  } else if (act === 'peer closes') {
    if (link.paused) {
      ws.resume();
      link.paused = false;
      run.deliver(link);
    }
    peer.frame(8, closePayload(code));
    run.left(link, code ?? 1005);
  } else if (act === 'hangup') {
    ws.hangup();
    run.left(link, 1006);
  } else {
    // It was sent before the end, so it is handed over, even if the socket is paused.
    if (act !== 'reset' && link.paused) {
      ws.resume();
      link.paused = false;
    }
    run.deliver(link);
    if (act === 'reset') peer.raw.reset();
    else if (act === 'peer ends') peer.raw.socket.end();
    else peer.frame(3, 'reserved');
    run.left(link, 1006);
  }
  peer.raw.socket.once('end', () => peer.raw.socket.end());
  await run.settle();
}

test.each<Kind>(['serve', 'acceptUpgrades', 'own limits'])(
  '%s: after every step of any program the metrics are what the peers have counted, and bufferedBytes the sum of bufferedAmount at any moment',
  async (kind) => {
    const program = fc.record({
      slowPeer: fc.constantFrom<SlowPeer>('terminate', 'drop', 'wait'),
      contextTakeover: fc.boolean(),
      steps: fc.array(STEP, { minLength: 8, maxLength: 30 }),
      settles: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(program, async ({ slowPeer, contextTakeover, steps, settles }) => {
        const { run, end: close } = await Run.begin(kind, slowPeer, contextTakeover);
        try {
          await run.open(true);
          for (const step of steps) {
            await take(run, step);
            // So that nobody is behind whom the program does not want to be.
            const isMuch = run.links.some(({ ws }) => ws.bufferedAmount > MAX_BACKPRESSURE / 3);
            if (settles || isMuch) await run.settle();
          }
          await run.settle();
        } finally {
          await close();
        }
        expect(run.server.metrics()).toMatchObject({
          connectionsOpen: 0,
          connectionsPaused: 0,
          bufferedBytes: 0,
          handshakesPending: 0,
        });
      }),
      { seed: SEED, numRuns: 6, endOnFailure: true },
    );
  },
  60_000,
);
