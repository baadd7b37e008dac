// Bun.serve, under Bun. Text arrives as a string.
import { announce, setup, tls } from './announce.mjs';

const TOPIC = 't';
/** Its default is 16 MiB. */
const options = setup.maxBackpressure === undefined ? {} : { backpressureLimit: setup.maxBackpressure };
const echo = { message: (ws, message) => void ws.send(message) };
const fanout = {
  open: (ws) => void ws.subscribe(TOPIC),
  message: (_ws, message) => void server.publish(TOPIC, message),
};

const server = Bun.serve({
  port: 0,
  ...(tls && { tls }),
  fetch: (request) => (server.upgrade(request) ? undefined : new Response(null, { status: 400 })),
  websocket: { ...options, ...(setup.fanout ? fanout : echo) },
});
announce({ port: server.port, about: `Bun ${Bun.version}`, options });
