// Sends masked binary messages as fast as send() lets it, or sends back what comes.
import { codec, newWebSocket } from '../../build/index.mjs';
import { announce, setup } from '../servers/announce.mjs';
import { compression } from '../servers/compression.mjs';
import { payload } from './payload.mjs';

const options = compression ? { compression } : {};

announce({ about: `wasock (${codec.kind})`, options });
if (setup.echo) await echoAll();
else await send();
// The load has had enough, and has closed the connection.
process.exit();

async function send() {
  const ws = await newWebSocket(`ws://127.0.0.1:${setup.port}/`);
  const message = payload(setup.size);
  try {
    for (;;) {
      const behind = ws.send(message);
      if (behind) await behind;
    }
  } catch {}
}

/** The path tells the load whom to watch. */
async function echoAll() {
  const url = `ws://127.0.0.1:${setup.port}/${process.pid}`;
  const open = () => newWebSocket(url, undefined, options);
  const sockets = await Promise.all(Array.from({ length: setup.connections }, open));
  try {
    await Promise.race(sockets.map(echo));
  } catch {}
}

async function echo(ws) {
  for await (const message of ws) await ws.send(message);
}
