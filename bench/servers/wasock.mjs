// Handler style: what arrives goes back, or to all subscribers.
import { codec, serve } from '../../build/index.mjs';
import { announce, setup, tls } from './announce.mjs';
import { compression } from './compression.mjs';

const TOPIC = 't';
/** What of the setup is an option of `serve`; undefined leaves the default. */
const { zeroCopy, slowPeer, maxBackpressure } = setup;
const options = { zeroCopy, slowPeer, maxBackpressure, ...(compression && { compression }) };
const echo = { message: (ws, data) => void ws.send(data) };
const fanout = {
  open: (ws) => void ws.subscribe(TOPIC),
  message: (_ws, data, opcode) => void server.publish(TOPIC, data, opcode),
};

const server = await serve({ ...options, ...(tls && { tls }), ...(setup.fanout ? fanout : echo) });
announce({ port: server.port, about: `wasock (${codec.kind})`, options });
