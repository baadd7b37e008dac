import { createClient, type RedisClientType } from 'redis';
import { onTestFinished } from 'vitest';
import { type RedisBrokerOptions, redis } from '../../src/redis.js';

/** A broker on a server, with clients of the default settings. */
export function brokerOn({ port }: { readonly port: number }, options: RedisBrokerOptions = {}) {
  return redis(createClient({ url: `redis://127.0.0.1:${port}` }), options);
}

/** A client that looks at a server from outside, until the test ends. */
export async function observer({ port }: { readonly port: number }): Promise<RedisClientType> {
  const client = createClient({ url: `redis://127.0.0.1:${port}` }) as RedisClientType;
  client.on('error', () => {});
  onTestFinished(() => client.destroy());
  await client.connect();
  return client;
}
