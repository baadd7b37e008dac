import { onTestFinished } from 'vitest';
import { type Broker, type ServeOptions, type Server, serve, type WebSocket } from '../../src/index.js';
import { connected } from './servers.js';
import { until } from './waiting.js';

/** A server whose topics others share. A socket subscribes to what it sends, and unsubscribes with a `-` in front. */
export async function sharedServer(broker: Broker, options: ServeOptions = {}): Promise<Server> {
  const server = await serve({
    port: 0,
    host: '127.0.0.1',
    broker,
    message: (ws, text) => {
      const topic = String(text);
      if (topic.startsWith('-')) ws.unsubscribe(topic.slice(1));
      else ws.subscribe(topic);
    },
    ...options,
  });
  onTestFinished(() => server.close({ timeout: 100 }));
  return server;
}

/** A client that has subscribed to these topics in its own process. */
export async function subscriber(server: Server, ...topics: string[]): Promise<WebSocket> {
  const ws = await connected(`ws://127.0.0.1:${server.port}`);
  const before = topics.map((topic) => server.subscriberCount(topic));
  for (const topic of topics) void ws.send(topic);
  await until(() => topics.every((topic, i) => server.subscriberCount(topic) > before[i]));
  return ws;
}

/** Whoever publishes: a server, a socket, or a publisher. */
interface Publishes {
  publish(topic: string, data: string): unknown;
}

/** Publishes until something arrives, which is then thrown away: from then on nothing is lost. */
export async function reaches(from: Publishes, to: WebSocket, topic: string, patience?: number): Promise<void> {
  let count = 0;
  const received = (async () => {
    while ((await to.receivePacket()).data !== 'the last probe') count++;
  })();
  // Unless it is waited for below, it fails with the client at the end of the test.
  received.catch(() => {});
  await until(
    () => count > 0 || from.publish(topic, 'probe') === 'never',
    () => `a message on ${topic}`,
    patience,
  );
  from.publish(topic, 'the last probe');
  await received;
}

/** The next messages of a client, as text. */
export async function nextTexts(ws: WebSocket, count: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) texts.push(await ws.receiveStrPacket());
  return texts;
}
