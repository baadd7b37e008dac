// Whether the load notices what it says it notices of compressed messages: node bench/load/check-deflate.mjs
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { poolPath, TAIL } from '../messages/pool.mjs';
import { acceptOf, frameOf, PING, takeFrames } from './check-peers.mjs';
import { judge, runAgainst, spawnLoad, summarize } from './check-runner.mjs';

const { Z_SYNC_FLUSH } = constants;
const RSV1 = 0x40;
const COMPRESSED = 0xc1;
const NO_TAKEOVER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const TAKEOVER = 'permessage-deflate';

const COMMON = ['--messages', poolPath(555), '--text', 'ascii'];
const ECHO = ['deflate', 'PORT', ...COMMON, ...'--connections 3 --depth 4 --seconds 0.2'.split(' ')];
const FANOUT = ['deflate-fanout', 'PORT', ...COMMON, ...'--connections 3 --in-flight 2 --seconds 0.2'.split(' ')];
const PID = ['--pid', String(process.pid)];
const GROWTH = ['deflate-growth', 'PORT', ...COMMON, ...PID, ...'--connections 3 --depth 4 --count 20000'.split(' ')];
const IDLE = ['idle', 'PORT', ...COMMON, ...PID, '--connections', '30'];
const CLIENT = ['deflate-client', ...COMMON, ...'--connections 3 --depth 4 --seconds 0.2'.split(' ')];
const offering = (words, offer = NO_TAKEOVER) => [...words, '--extension', offer];

const agreeing = (extension = NO_TAKEOVER) => ({ extension: () => extension });
const deflate = (text, options) => deflateRawSync(text, { finishFlush: Z_SYNC_FLUSH, ...options }).subarray(0, -4);
const inflate = (payload) => inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: Z_SYNC_FLUSH });
const textOf = ({ first, payload }) => (first & RSV1 ? inflate(payload) : Buffer.from(payload));
const compressed = (payload) => frameOf(1, payload, { first: COMPRESSED });
const altered = (text) => Buffer.from(text).fill('~', 100, 101);

const echo = (socket, frame) => socket.send(compressed(deflate(textOf(frame))));
/** An echo that does something else from the 50th message of a connection on. */
const lying = (lie) => ({
  ...agreeing(),
  message: (socket, frame, number) => (number < 50 ? echo : lie)(socket, frame, number),
});

/** An echo that refers to what it sent before; `options` are of the compressor, `end` follows each message. */
const referring = (options = {}, end = Buffer.alloc(0)) => ({
  message: (socket, frame) => {
    const text = textOf(frame);
    const dictionary = socket.history;
    const flush = options.finishFlush === constants.Z_FINISH ? deflateRawSync : deflate;
    socket.send(compressed(Buffer.concat([flush(text, { ...options, ...(dictionary && { dictionary }) }), end])));
    socket.history = Buffer.concat([dictionary ?? Buffer.alloc(0), text]).subarray(-32_768);
  },
});
const FINAL = [{ finishFlush: constants.Z_FINISH }, Buffer.of(0)];

const fanout = (_socket, frame, _number, sockets) => deliver(sockets, frame);
function deliver(receivers, frame) {
  for (const receiver of receivers) echo(receiver, frame);
}
const lyingFanout = (lie) => ({
  ...agreeing(),
  message: (_socket, frame, number, [victim, ...others]) => {
    deliver(others, frame);
    lie(victim, frame, number);
  },
});

const isWhole = (r) => r.messages > 100 && r.verified >= r.messages && r.agreed === NO_TAKEOVER;

/** [name, command line, server, what must be found: a message, or a judge of the result] */
const SERVER_CASES = [
  ['echo', offering(ECHO), { ...agreeing(), message: echo }, (r) => isWhole(r) && r.compressed === r.verified],
  ['inflated once', offering(ECHO), { ...agreeing(), message: echo }, (r) => r.inflated === 64],
  [
    'plain replies',
    offering(ECHO),
    { ...agreeing(), message: (s, f) => s.send(frameOf(1, textOf(f))) },
    (r) => isWhole(r) && r.compressed === 0 && r.bytesPerReply > 500,
  ],
  ['no extension', ECHO, { message: (s, f) => s.send(frameOf(1, f.payload)) }, (r) => r.agreed === ''],
  ['takeover', offering(ECHO, TAKEOVER), { ...agreeing(TAKEOVER), ...referring() }, (r) => r.inflated === r.verified],
  ['final blocks', offering(ECHO), { ...agreeing(), message: lastBlocks }, isWhole],
  ['final blocks, takeover', offering(ECHO, TAKEOVER), { ...agreeing(TAKEOVER), ...referring(...FINAL) }, isSmall],
  ['in bytes', offering(ECHO), { ...agreeing(), message: echo, write: inBytes }, (r) => r.messages > 10],
  ['pings between', offering(ECHO), lying(pingAndEcho), isWhole],
  [
    'a smaller window',
    offering(ECHO),
    { ...agreeing(`${NO_TAKEOVER}; client_max_window_bits=9`), message: echo },
    isAny,
  ],
  ['no agreement', offering(ECHO), { message: echo }, /does not agree/],
  ['another extension', offering(ECHO), { ...agreeing('x-other'), message: echo }, /does not agree/],
  ['agreed without an offer', ECHO, { ...agreeing(), message: echo }, /was not offered/],
  ['agreed differently', offering(ECHO), { extension: (n) => [NO_TAKEOVER, TAKEOVER][n & 1] }, /something else/],
  ['RSV1 without agreement', ECHO, { message: echo }, /another opcode/],
  ['RSV2', offering(ECHO), lying((s, f) => s.send(frameOf(1, f.payload, { first: 0xa1 }))), /another opcode/],
  ['history without takeover', offering(ECHO), { ...agreeing(), ...referring() }, /not DEFLATE/],
  [
    'another payload',
    offering(ECHO),
    lying((s, f) => s.send(compressed(deflate(altered(textOf(f)))))),
    /another payload/,
  ],
  ['another plain payload', offering(ECHO), lying((s, f) => s.send(frameOf(1, altered(textOf(f))))), /another payload/],
  ['no DEFLATE', offering(ECHO), lying((s) => s.send(compressed(Buffer.alloc(90, 0xff)))), /not DEFLATE/],
  [
    'cut short',
    offering(ECHO),
    lying((s, f) => s.send(compressed(f.payload.subarray(0, -20)))),
    /not DEFLATE|another length/,
  ],
  ['too long', offering(ECHO), lying((s, f) => s.send(compressed(deflate(`${textOf(f)}and more`)))), /another length/],
  ['masked', offering(ECHO), lying((s, f) => s.send(frameOf(1, textOf(f), { key: Buffer.alloc(4) }))), /is masked/],
  ['another first', offering(ECHO), lying(swap), /another/],
  ['too many replies', offering(ECHO), lying((s, f) => [1, 2].map(() => echo(s, f))), /another|more replies/],
  ['silence', offering(ECHO), lying(() => {}), /nothing came/],
  ['fan-out', offering(FANOUT), { ...agreeing(), message: fanout }, (r) => r.deliveries > 100 && r.compressed > 100],
  ['one lost', offering(FANOUT), lyingFanout((v, f, n) => n !== 70 && deliver([v], f)), /another/],
  ['twice', offering(FANOUT), lyingFanout((v, f, n) => deliver(n === 70 ? [v, v] : [v], f)), /another|not sent yet/],
  ['growth', offering(GROWTH), { ...agreeing(), message: echo }, (r) => r.verified >= 22_000 && r.lastQuarter > 0],
  ['growth, silence', offering(GROWTH), lying(() => {}), /nothing came/],
  ['idle', offering(IDLE), { ...agreeing(), message: echo }, (r) => r.verified === 130 && r.compressed === 130],
  ['idle, no extension', IDLE, { message: (s, f) => s.send(frameOf(1, f.payload)) }, (r) => r.verified === 130],
];

function isAny(r) {
  return r.messages > 100;
}

function isSmall(r) {
  return r.messages > 100 && r.bytesPerReply < 250;
}

function pingAndEcho(socket, frame) {
  socket.send(frameOf(PING, Buffer.of(1)));
  echo(socket, frame);
}

/** Sends every second message before the first. */
function swap(socket, frame) {
  const { held } = socket;
  socket.held = held === undefined ? frame : undefined;
  if (held === undefined) return;
  echo(socket, frame);
  echo(socket, held);
}

/** RFC 7692, section 7.2.3.4: an empty block follows the final one. */
function lastBlocks(socket, frame) {
  socket.send(compressed(Buffer.concat([deflateRawSync(textOf(frame)), Buffer.of(0)])));
}

function inBytes(socket, bytes) {
  for (const byte of bytes) socket.write(Buffer.of(byte));
}

const masked = (payload, options = {}) => frameOf(1, payload, { key: randomBytes(4), ...options });
const answering = (text) => masked(deflate(text), { first: COMPRESSED });

/** [name, what the client offers, what it answers to the text of a message, what must be found] */
const CLIENT_CASES = [
  ['client', TAKEOVER, answering, (r) => isWhole(r) && r.compressed === r.verified && r.serverCpuSeconds >= 0],
  ['client, plain', TAKEOVER, masked, (r) => isWhole(r) && r.compressed === 0],
  ['client, no offer', undefined, answering, /does not offer/],
  ['client, another payload', TAKEOVER, (text) => answering(altered(text)), /another payload/],
  ['client, not masked', TAKEOVER, (text) => frameOf(1, text), /is not masked/],
];

/** Three connections that answer each message. */
async function runClient(offer, answer) {
  const { reader, ended } = spawnLoad(offering(CLIENT));
  const [line] = await once(reader, 'line');
  const sockets = [1, 2, 3].map(() => clientOf(JSON.parse(line).port, offer, answer));
  const outcome = await ended;
  for (const socket of sockets) socket.destroy();
  return outcome;
}

function clientOf(port, offer, answer) {
  const key = 'AAAAAAAAAAAAAAAAAAAAAA==';
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  const field = offer === undefined ? [] : [`Sec-WebSocket-Extensions: ${offer}`];
  const lines = [`GET /${process.pid} HTTP/1.1`, 'Host: a', 'Upgrade: websocket', 'Connection: Upgrade', ...field];
  socket.write([...lines, `Sec-WebSocket-Key: ${key}`, 'Sec-WebSocket-Version: 13', '', ''].join('\r\n'));
  let bytes = Buffer.alloc(0);
  let isOpen = false;
  socket.on('data', (data) => {
    bytes = Buffer.concat([bytes, data]);
    const end = bytes.indexOf('\r\n\r\n');
    if (!isOpen && end > 0) {
      if (!bytes.includes(acceptOf(key))) throw new Error('the load answers with another accept key');
      isOpen = true;
      bytes = bytes.subarray(end + 4);
    }
    let frames;
    [frames, bytes] = takeFrames(bytes, { isMasked: false });
    for (const frame of frames) socket.write(answer(textOf(frame)));
  });
  return socket;
}

for (const [name, words, behaviour, wanted] of SERVER_CASES) {
  judge(name, await runAgainst(words, { message() {}, ...behaviour }), wanted);
}
for (const [name, offer, answer, wanted] of CLIENT_CASES) judge(name, await runClient(offer, answer), wanted);
summarize();
