// One process of those that share topics over a broker, or the only one: what a socket sends goes to all of its topic.
import { announce, setup } from './announce.mjs';
import { serveTopics } from './topics.mjs';

const { carrier, brokerPort } = setup;
const BROKERS = {
  async redis() {
    const { createClient } = await import('redis');
    const { redis } = await import('../../build/redis.mjs');
    return redis(createClient({ socket: { host: '127.0.0.1', port: brokerPort } }));
  },
  async nats() {
    const { nats } = await import('../../build/nats.mjs');
    return nats({ servers: `127.0.0.1:${brokerPort}` });
  },
};

const server = await serveTopics({ broker: await BROKERS[carrier]?.() });
announce({ port: server.port, about: carrier ? `wasock over ${carrier}` : 'wasock, one process' });
