// A client in a process of its own, which reads at a steady pace, answers Pings and Closes as it comes to them, and tells at the end
// what it has read: node slow-reader.mjs PORT 'JSON of the options below'
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

const [port, json = '{}'] = process.argv.slice(2);
const { bytesPerSecond = Infinity, secure = false, sends = [] } = JSON.parse(json);

/** Between two reads, in milliseconds. */
const PACE = 20;

const socket = secure
  ? tls.connect({ port: Number(port), host: '127.0.0.1', rejectUnauthorized: false })
  : net.connect({ port: Number(port), host: '127.0.0.1' });
socket.on('error', () => {});
await once(socket, secure ? 'secureConnect' : 'connect');
socket.write(
  'GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
);

/** A frame of a client, with a masking key of 0. */
function frame(opcode, payload, fin = true) {
  return Buffer.concat([Buffer.of((fin ? 0x80 : 0) | opcode, 0x80 | payload.length, 0, 0, 0, 0), payload]);
}

let waiting = Buffer.alloc(0);
let isUpgraded = false;
const seen = { payloadBytes: 0, pings: 0, closeCode: 0 };

function takeHead() {
  const end = waiting.indexOf('\r\n\r\n');
  if (end === -1) return;
  waiting = waiting.subarray(end + 4);
  isUpgraded = true;
  for (const { after = 0, opcode = 1, text = '', fin = true } of sends) {
    setTimeout(() => socket.writable && socket.write(frame(opcode, Buffer.from(text), fin)), after);
  }
  console.log('open');
}

/** @returns whether there was a whole frame */
function takeFrame() {
  if (waiting.length < 2) return false;
  const length7 = waiting[1];
  const start = length7 < 126 ? 2 : length7 === 126 ? 4 : 10;
  if (waiting.length < start) return false;
  const length =
    length7 < 126 ? length7 : length7 === 126 ? waiting.readUInt16BE(2) : Number(waiting.readBigUInt64BE(2));
  if (waiting.length < start + length) return false;
  const opcode = waiting[0] & 15;
  const payload = waiting.subarray(start, start + length);
  waiting = waiting.subarray(start + length);
  if (opcode === 9) {
    seen.pings++;
    socket.write(frame(10, payload));
  } else if (opcode === 8) {
    seen.closeCode = payload.readUInt16BE(0);
    socket.write(frame(8, payload));
  } else seen.payloadBytes += length;
  return true;
}

let chunks = [];
let held = 0;

function take(chunk) {
  chunks.push(chunk);
  held += chunk.length;
  // Frames may be of many megabytes: they are put together seldom.
  if (held < waiting.length / 4 && held < 1_000_000 && chunks.length < 50) return;
  settle();
}

function settle() {
  if (chunks.length === 0) return;
  waiting = Buffer.concat([waiting, ...chunks]);
  chunks = [];
  held = 0;
  if (!isUpgraded) takeHead();
  if (isUpgraded) while (takeFrame());
}

let allowance = 0;
const pace = setInterval(() => {
  allowance = Math.min(allowance + (bytesPerSecond * PACE) / 1000, bytesPerSecond);
  while (allowance > 0) {
    const chunk = socket.read(Math.min(socket.readableLength, Math.ceil(allowance)) || undefined);
    if (chunk === null) break;
    allowance -= chunk.length;
    take(chunk);
  }
  settle();
}, PACE);

socket.on('end', () => socket.end());
await once(socket, 'close');
clearInterval(pace);
settle();
console.log(JSON.stringify(seen));
process.exit();
