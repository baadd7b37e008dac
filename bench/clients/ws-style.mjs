import { announce, setup } from '../servers/announce.mjs';
import { perMessageDeflate } from '../servers/compression.mjs';
import { payload } from './payload.mjs';

const HIGH_WATER_MARK = 65_536;
const BURST = Math.ceil(262_144 / setup.size);

/**
 * Sends masked binary messages in bursts, by a client written against npm ws: until 64 KiB wait, where wasock waits too, or
 * 256 KiB are sent; then until the last one is written.
 */
export function sendWith(WebSocket, about) {
  announce({ about });
  const ws = new WebSocket(`ws://127.0.0.1:${setup.port}/`);
  const message = payload(setup.size);
  ws.on('open', sendBurst);
  ws.on('error', () => {});
  ws.on('close', () => process.exit());

  function sendBurst() {
    for (let sent = 1; sent < BURST && ws.bufferedAmount < HIGH_WATER_MARK; sent++) ws.send(message);
    ws.send(message, onWritten);
  }

  /** By way of the event loop: the callback may come in the same turn, and the Close of the server would never be read. */
  function onWritten(error) {
    if (!error) setImmediate(sendBurst);
  }
}

/** Sends back what comes on each of `setup.connections` connections. The path tells the load whom to watch. */
export function echoWith(WebSocket, about) {
  const options = perMessageDeflate ? { perMessageDeflate } : {};
  announce({ about, options });
  for (let i = 0; i < setup.connections; i++) {
    const ws = new WebSocket(`ws://127.0.0.1:${setup.port}/${process.pid}`, options);
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
    ws.on('error', ({ message }) => {
      console.error(message);
      process.exit(1);
    });
    ws.on('close', () => process.exit());
  }
}
