// The floor that Node sets for a client: masked frames that were made beforehand, 256 KiB at a time, over bare node:net.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { announce, setup } from '../servers/announce.mjs';
import { payload } from './payload.mjs';

const BATCH = 262_144;

announce({ about: 'bare node:net' });
const socket = connect(setup.port, '127.0.0.1');
await once(socket, 'connect');
socket.on('error', () => process.exit());
socket.write(
  `GET / HTTP/1.1\r\nHost: 127.0.0.1:${setup.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
);
await once(socket, 'data');
socket.on('end', () => process.exit()).resume();
const frames = Buffer.concat(Array.from({ length: Math.ceil(BATCH / setup.size) }, () => frame(payload(setup.size))));
send();

function send() {
  while (socket.write(frames));
  socket.once('drain', send);
}

/** A masked binary message (RFC 6455, section 5.2) of up to 125, or from 126 to 65535 octets. */
function frame(octets) {
  const key = randomBytes(4);
  const short = octets.length < 126;
  const header = short ? [0x82, 0x80 | octets.length] : [0x82, 0x80 | 126, octets.length >> 8, octets.length & 255];
  return Buffer.concat([Buffer.from(header), key, octets.map((octet, index) => octet ^ key[index % 4])]);
}
