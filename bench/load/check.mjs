// Whether the load generator notices what it says it notices: node bench/load/check.mjs
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { CLOSE, flood, frameOf, PING, PONG } from './check-peers.mjs';
import { judge, runAgainst, spawnLoad, summarize } from './check-runner.mjs';

const ECHO = 'echo PORT --connections 2 --depth 3 --size 300 --seconds 0.2 --verify-every 1';
const RATE = 'rate PORT --connections 3 --rate 600 --burst 2 --size 20 --seconds 0.5';
const FANOUT = 'fanout PORT --connections 3 --in-flight 2 --size 20 --seconds 0.2 --verify-every 1';
const OF_TOPICS = '--connections 12 --topics 2 --publishers 3 --size 40 --text ascii --verify-every 1';
const TOPICS = `topics PORT ${OF_TOPICS} --in-flight 2 --seconds 0.2`;
const TOPICS_RATE = `topics-rate PORT ${OF_TOPICS} --rate 600 --seconds 0.5`;
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

const sameTopic = ({ path }, sockets) => [...sockets].filter((socket) => socket.path === path);
const topics = (socket, frame, _number, sockets) => deliver(sameTopic(socket, sockets), frame);
/** Topics that do something else with the 50th message of each publisher. */
const lyingTopics = (lie) => ({
  message: (socket, frame, number, sockets) => {
    const [victim, ...others] = sameTopic(socket, sockets);
    deliver(others, frame);
    (number === 50 ? lie : deliver)([victim], frame);
  },
});

const textFrame = (text) => frameOf(1, Buffer.from(text));
/** Socket.IO, which pings before every tenth message. */
const socketIo = (altering = (payload) => payload, pongs = { count: 0 }) => ({
  open: (socket) => socket.send(textFrame('0{"sid":"a"}')),
  message: (socket, { payload }, number, sockets) => {
    const text = payload.toString();
    if (text === '3') pongs.count++;
    else if (text === '40') socket.send(textFrame('40{"sid":"b"}'));
    else {
      const [name, value] = JSON.parse(text.slice(2));
      if (number % 10 === 0) socket.send(textFrame('2'));
      topics(socket, { opcode: 1, payload: Buffer.from(`42${JSON.stringify([name, altering(value)])}`) }, 0, sockets);
    }
  },
});
const pongs = { count: 0 };

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
  ['topics', TOPICS, { message: topics }, (r) => r.verified > 100 && r.deliveriesPerSecond > 3 * r.messagesPerSecond],
  ['topics of two servers', `${TOPICS} --ports PORT`, { message: topics }, (r) => r.verified > 100],
  ['topics, one lost', TOPICS, lyingTopics(() => {}), /a message is missing/],
  ['topics, all lost', TOPICS.replace('0.2', '9'), { message: () => {} }, /nothing came/],
  ['topics, twice', TOPICS, lyingTopics((v, f) => deliver([...v, ...v], f)), /twice/],
  ['topics, too late', TOPICS, lyingTopics((v, f) => setTimeout(deliver, 100, v, f)), /a message is missing/],
  [
    'topics, another payload',
    TOPICS,
    lyingTopics((v, f) => deliver(v, { ...f, payload: altered(f.payload) })),
    /another payload/,
  ],
  [
    'topics, of another topic',
    TOPICS,
    { message: (_socket, frame, _number, sockets) => deliver(sockets, frame) },
    /twice|missing|not sent yet/,
  ],
  [
    'topics-rate',
    TOPICS_RATE,
    { message: topics },
    (r) => r.offeredPerSecond === 600 && r.p50Us < 50_000 && r.deliveriesPerSecond > 3000,
  ],
  ['topics-rate, one lost', TOPICS_RATE, lyingTopics(() => {}), /a message is missing/],
  ['topics-rate, at one server', `${TOPICS_RATE} --ports PORT`, { message: topics }, (r) => r.p50Us > 0],
  ['Socket.IO', `${TOPICS} --socket-io`, socketIo(undefined, pongs), (r) => r.verified > 100 && pongs.count > 20],
  [
    'Socket.IO in octets',
    `${TOPICS_RATE} --socket-io`,
    { ...socketIo(), write: inOctets },
    (r) => r.deliveriesPerSecond > 500,
  ],
  ['Socket.IO, another event', `${TOPICS} --socket-io`, socketIo((value) => [value]), /another length/],
  ['Socket.IO, another payload', `${TOPICS} --socket-io`, socketIo((v) => `${v.slice(0, -1)}!`), /another payload/],
  ['Socket.IO that does not greet', `${TOPICS} --socket-io`, { message: topics }, /no handshake of Socket.IO/],
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
