// Sends masked binary messages as fast as send() lets it.
import { codec, newWebSocket } from '../../build/index.mjs';
import { announce, setup } from '../servers/announce.mjs';
import { payload } from './payload.mjs';

announce({ about: `wasock (${codec.kind})` });
const ws = await newWebSocket(`ws://127.0.0.1:${setup.port}/`);
const message = payload(setup.size);
try {
  for (;;) {
    const behind = ws.send(message);
    if (behind) await behind;
  }
} catch {
  // The load has had enough, and has closed the connection.
  process.exit();
}
