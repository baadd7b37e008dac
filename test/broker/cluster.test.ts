import { expect, test } from 'vitest';
import { cluster } from '../../src/cluster.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';

test('refuses an option that there is not', () => {
  expect(() => cluster({ sharded: true } as never)).toThrow(/no option sharded/);
});

test('carries messages between servers of the primary process', async () => {
  const [one, other] = [await sharedServer(cluster()), await sharedServer(cluster())];
  const ws = await subscriber(other, 'a');
  await reaches(one, ws, 'a');
  for (let i = 0; i < 100; i++) one.publish('a', `m${i}`);
  expect(await nextTexts(ws, 100)).toEqual(Array.from({ length: 100 }, (_, i) => `m${i}`));
  await one.broker!.published;
});
