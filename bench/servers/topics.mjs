import { once } from 'node:events';
import { serve } from '../../build/index.mjs';

/** A server of topics. Resolves when it listens, and its broker is there. */
export async function serveTopics(options) {
  const server = await serve({
    ...options,
    upgrade: ({ url }) => ({ data: new URL(url, 'ws://localhost').searchParams.get('topic') }),
    open: (ws) => void ws.subscribe(ws.data),
    message: (ws, data) => void server.publish(ws.data, data),
  });
  const { broker } = server;
  if (broker !== null && broker.status !== 'up') await once(broker, 'up');
  return server;
}
