// Whether the load generator notices what it says it notices: node bench/load/check.mjs
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { CLOSE, flood, frameOf, PING, PONG } from './check-peers.mjs';
import { judge, runAgainst, spawnLoad, summarize } from './check-runner.mjs';

const ECHO = 'echo PORT --connections 2 --depth 3 --size 300 --seconds 0.2 --verify-every 1';
const RATE = 'rate PORT --connections 3 --rate 600 --burst 2 --size 20 --seconds 0.5';
const FANOUT = 'fanout PORT --connections 3 --in-flight 2 --size 20 --seconds 0.2 --verify-every 1';
const HANDSHAKES = 'handshakes PORT --parallel 4 --seconds 0.2 --verify-every 1';
const IDLE = `idle PORT --connections 30 --pid ${process.pid}`;

const echo = (socket, { opcode, payload }) => socket.send(frameOf(opcode, payload));
/** An echo that does something else from the 50th message of a connection on. */
const lying = (lie) => ({ message: (socket, frame, number) => (number < 50 ? echo : lie)(socket, frame, number) });
const altered = (payload, at = 17) => payload.map((octet, i) => (i === at ? octet ^ 1 : octet));

const deliver = (receivers, { opcode, payload }) => {
  for (const receiver of receivers) receiver.send(frameOf(opcode, payload));
};
const fanout = (_socket, frame, _number, sockets) => deliver(sockets, frame);
const lyingFanout = (lie) => ({
  message: (_socket, frame, number, [victim, ...others]) => {
    deliver(others, frame);
    lie(victim, frame, number);
  },
});

function isUtf8(payload) {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(payload);
  return ['é', '漢', '😀'].every((character) => text.includes(character));
}

function textChecked(socket, { opcode, payload }) {
  if (opcode === 1 && isUtf8(payload)) echo(socket, { opcode, payload });
}

/** Writes every octet for itself. */
function inOctets(socket, octets) {
  for (const octet of octets) socket.write(Buffer.of(octet));
}

/** Not in one segment with the opening handshake, which nothing may follow there. */
const later = (act) => (socket) => setTimeout(act, 50, socket);
/** Pings each connection, and lets go of those that answer with what was asked. */
const pinging = (answers) => ({
  open: later((socket) => socket.send(frameOf(PING, Buffer.from('still there')))),
  message: (_socket, { opcode, payload }) => {
    if (opcode === PONG && payload.toString() === 'still there') answers.count++;
  },
});
const answers = { count: 0 };

/** [name, command line, server, what must be found: a message, or a judge of the result] */
const SERVER_CASES = [
  ['echo', ECHO, { message: echo }, (r) => r.verified >= r.messages && r.messages > 100 && r.p50Us <= r.p99Us],
  ['echo in octets', ECHO, { message: echo, write: inOctets }, (r) => r.messages > 10],
  ['echo of utf8', `${ECHO} --text utf8`, { message: textChecked }, (r) => r.messages > 100],
  ['echo of nothing', ECHO.replace('300', '0'), { message: echo }, (r) => r.messages > 100],
  ['echo of 70,000 octets', ECHO.replace('300', '70000'), { message: echo }, (r) => r.messages > 10],
  ['another payload', ECHO, lying((s, f) => s.send(frameOf(2, altered(f.payload)))), /another payload/],
  ['another last octet', ECHO, lying((s, f) => s.send(frameOf(2, altered(f.payload, 299)))), /another payload/],
  ['another opcode', ECHO, lying((s, f) => s.send(frameOf(1, f.payload))), /another opcode/],
  ['RSV1', ECHO, lying((s, f) => s.send(frameOf(2, f.payload, { first: 0xc2 }))), /another opcode/],
  ['no FIN', ECHO, lying((s, f) => s.send(frameOf(2, f.payload, { first: 0x02 }))), /another opcode/],
  ['a masked reply', ECHO, lying((s, f) => s.send(frameOf(2, f.payload, { key: Buffer.alloc(4) }))), /is masked/],
  ['another length', ECHO, lying((s, f) => s.send(frameOf(2, f.payload.subarray(1)))), /another length/],
  ['too many replies', ECHO, lying((s, f) => [1, 2, 3, 4].map(() => echo(s, f))), /more replies/],
  ['a lost connection', ECHO, lying((s) => s.end()), /a connection (ended|broke)/],
  ['a reset connection', ECHO, lying((s) => s.resetAndDestroy()), /a connection (ended|broke)/],
  ['silence', ECHO, lying(() => {}), /nothing came/],
  ['another accept key', ECHO, { message: echo, accept: () => 'A'.repeat(28) }, /another Sec-WebSocket-Accept/],
  ['no 101', ECHO, { message: echo, status: '200 OK' }, /does not answer with 101/],
  ['no answer at all', ECHO, { message: echo, mute: true }, /no response/],
  ['rate', RATE, { message: echo }, (r) => r.unanswered === 0 && r.offeredPerSecond === 600 && r.p50Us < 50_000],
  ['rate, unanswered', RATE, lying(() => {}), (r) => r.unanswered > 100 && r.p99Us > 1_500_000],
  ['fanout', FANOUT, { message: fanout }, (r) => r.missing === 0 && r.deliveriesPerSecond > r.publishesPerSecond],
  ['fanout of utf8', `${FANOUT} --text utf8`, { message: fanout }, (r) => r.missing === 0],
  ['one lost', FANOUT, lyingFanout((v, f, n) => n !== 70 && deliver([v], f)), (r) => r.missing === 1],
  ['all lost', FANOUT.replace('0.2', '3'), lyingFanout((v, f, n) => n < 70 && deliver([v], f)), (r) => r.missing === 1],
  ['twice', FANOUT, lyingFanout((v, f, n) => deliver(n === 70 ? [v, v] : [v], f)), /twice/],
  [
    'another publish',
    FANOUT,
    lyingFanout((v, f) => deliver([v], { ...f, payload: altered(f.payload) })),
    /another payload/,
  ],
  ['handshakes', HANDSHAKES, {}, (r) => r.handshakes > 50 && r.verified >= r.handshakes],
  ['handshakes, another key', HANDSHAKES, { accept: () => 'A'.repeat(28) }, /another Sec-WebSocket-Accept/],
  ['handshakes, no 101', HANDSHAKES, { status: '404 Not Found' }, /does not answer with 101/],
  ['idle', IDLE, pinging(answers), (r) => r.rssAfter > 0 && r.connections === 30 && answers.count === 130],
  [
    'idle, one active',
    `${IDLE} ${ECHO.replace(/.*(?=--depth)/, '')} --active 1`,
    { message: echo },
    (r) => r.messages > 100,
  ],
  ['idle, a message', IDLE, { open: later((s) => s.send(frameOf(1, Buffer.from('x')))) }, /got no ping/],
];

const payload = Buffer.from(Array.from({ length: 200 }, (_, i) => 32 + (i % 95)));
const masked = (octets, key = randomBytes(4)) => frameOf(2, octets, { key });
const after50 = (lie) => (number) => (number < 50 ? masked(payload) : lie());

/** [name, what the client sends, what must be found] */
const SINK_CASES = [
  ['sink', () => masked(payload), (r) => r.messages > 100 && r.verified >= r.messages && r.closed],
  ['sink, another payload', after50(() => masked(altered(payload))), /another payload/],
  ['sink, one key', after50(() => masked(payload, Buffer.of(1, 2, 3, 4))), /masking key stays the same/],
  ['sink, not masked', after50(() => frameOf(2, payload)), /is not masked/],
  ['sink, another length', after50(() => masked(payload.subarray(1))), /another length/],
  ['sink, another opcode', after50(() => frameOf(1, payload, { key: randomBytes(4) })), /another opcode/],
];

async function runSink(next) {
  const { reader, ended } = spawnLoad('sink --size 200 --seconds 0.2 --verify-every 1');
  const [line] = await once(reader, 'line');
  const last = await flood(JSON.parse(line).port, next);
  const outcome = await ended;
  return { ...outcome, result: { ...outcome.result, closed: last?.[0] === (0x80 | CLOSE) } };
}

for (const [name, words, behaviour, wanted] of SERVER_CASES) judge(name, await runAgainst(words, behaviour), wanted);
for (const [name, next, wanted] of SINK_CASES) judge(name, await runSink(next), wanted);
summarize();
