import { createClient } from 'redis';
import { expect, test } from 'vitest';
import { redis } from '../../src/redis.js';
import { redisServer, startRedis } from '../support/broker-servers.js';
import { describePeer } from '../support/peers.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';

test.each<[string, () => unknown, RegExp]>([
  ['no client', () => redis(undefined as never), /takes a client of the npm package redis/],
  ['an option that there is not', () => redis(createClient(), { shraded: true } as never), /no option shraded/],
  [
    'a value of sharded that is none',
    () => redis(createClient(), { sharded: 1 as never }),
    /sharded must be a boolean/,
  ],
])('refuses %s', (_, call, message) => {
  expect(call).toThrow(message);
});

describePeer(redisServer(), () => {
  test('carries messages between servers', async () => {
    const { port } = await startRedis();
    const newBroker = () => redis(createClient({ url: `redis://127.0.0.1:${port}` }));
    const [one, other] = [await sharedServer(newBroker()), await sharedServer(newBroker())];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    for (let i = 0; i < 1000; i++) one.publish('a', `m${i}`);
    expect(await nextTexts(ws, 1000)).toEqual(Array.from({ length: 1000 }, (_, i) => `m${i}`));
    await one.broker!.published;
  });
});
