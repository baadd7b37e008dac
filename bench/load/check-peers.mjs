// Peers for check.mjs that tell the truth or lie, in as few lines as a WebSocket needs.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';

export const [CLOSE, PING, PONG] = [8, 9, 10];
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** One frame; with a key it is masked. `first` replaces FIN, RSV and opcode. */
export function frameOf(opcode, payload, { key, first = 0x80 | opcode } = {}) {
  const size = payload.length;
  const extended = size < 126 ? 0 : size < 65_536 ? 2 : 8;
  const header = Buffer.alloc(2 + extended);
  header[0] = first;
  header[1] = (key ? 0x80 : 0) | (extended === 0 ? size : extended === 2 ? 126 : 127);
  if (extended === 2) header.writeUInt16BE(size, 2);
  if (extended === 8) header.writeBigUInt64BE(BigInt(size), 2);
  return key ? Buffer.concat([header, key, unmask(payload, key)]) : Buffer.concat([header, payload]);
}

function unmask(payload, key) {
  return payload.map((octet, i) => octet ^ key[i % 4]);
}

/** Takes the frames off the front of what has come, and returns them with the rest. */
export function takeFrames(octets, { isMasked = true } = {}) {
  const frames = [];
  const keySize = isMasked ? 4 : 0;
  for (;;) {
    const short = octets[1] & 127;
    const at = 2 + (short < 126 ? 0 : short === 126 ? 2 : 8) + keySize;
    if (octets.length < 2 || octets.length < at) break;
    const size = short < 126 ? short : short === 126 ? octets.readUInt16BE(2) : Number(octets.readBigUInt64BE(2));
    if (octets.length < at + size) break;
    if (isMasked !== octets[1] >= 0x80)
      throw new Error(`the load sends a frame that is ${isMasked ? 'not ' : ''}masked`);
    const payload = octets.subarray(at, at + size);
    frames.push({
      opcode: octets[0] & 15,
      first: octets[0],
      payload: isMasked ? unmask(payload, octets.subarray(at - 4, at)) : payload,
    });
    octets = octets.subarray(at + size);
  }
  return [frames, octets];
}

export function acceptOf(key) {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

/** `extension(number)` is the value of Sec-WebSocket-Extensions for the connection with that number; undefined for none. */
function answer(request, { status = '101 Switching Protocols', accept = acceptOf, extension }, number) {
  const value = extension?.(number);
  const field = value === undefined ? '' : `Sec-WebSocket-Extensions: ${value}\r\n`;
  const key = /\r\nSec-WebSocket-Key: (.{24})\r\n/.exec(request)[1];
  return `HTTP/1.1 ${status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept(key)}\r\n${field}\r\n`;
}

/**
 * A server. `message(socket, frame, number)` gets each frame with its number among those of the connection; `open(socket)`
 * each connection after its handshake, with `socket.path`, what it asked for; `write(socket, octets)` may send in its own way; a `mute` one never answers.
 */
export async function serve({ message, open, mute, write = (socket, octets) => socket.write(octets), ...handshake }) {
  const sockets = new Set();
  let connections = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    let octets = Buffer.alloc(0);
    let isOpen = false;
    let number = 0;
    socket.send = (frame) => write(socket, frame);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      octets = Buffer.concat([octets, data]);
      if (!isOpen) {
        if (mute || !octets.includes('\r\n\r\n')) return;
        const request = octets.toString('latin1');
        [, socket.path] = request.split(' ', 2);
        socket.write(answer(request, handshake, connections++));
        octets = Buffer.alloc(0);
        isOpen = true;
        sockets.add(socket);
        open?.(socket);
        return;
      }
      let frames;
      [frames, octets] = takeFrames(octets);
      for (const frame of frames) message(socket, frame, number++, sockets);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** A client that sends what `next(number)` gives until the server has closed; resolves with what the server sent last. */
export async function flood(port, next) {
  const socket = connect(port, '127.0.0.1');
  const closed = new Promise((resolve) => {
    socket.on('close', resolve);
  });
  const lines = ['GET / HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Upgrade: websocket', 'Connection: Upgrade'];
  lines.push('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Version: 13', '', '');
  socket.on('error', () => {});
  socket.write(lines.join('\r\n'));
  const [response] = await once(socket, 'data');
  if (!response.includes(acceptOf('AAAAAAAAAAAAAAAAAAAAAA==')))
    throw new Error('the sink answers with another accept key');
  let last;
  socket.on('data', (data) => {
    last = data;
  });
  let number = 0;
  while (!socket.destroyed && !last) {
    socket.write(next(number++));
    // As long as the kernel takes all, the stream never asks to wait, and nothing would be read.
    if (socket.writableNeedDrain || number % 100 === 0) await setImmediate();
  }
  socket.end();
  await closed;
  return last;
}
