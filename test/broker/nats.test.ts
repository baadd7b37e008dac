import { expect, test } from 'vitest';
import { nats } from '../../src/nats.js';
import { natsServer, startNats } from '../support/broker-servers.js';
import { describePeer } from '../support/peers.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';

test.each<[string, () => unknown, RegExp]>([
  ['neither options nor a function', () => nats('localhost' as never), /options of connect, or a function/],
  ['an option that there is not', () => nats({}, { sharded: true } as never), /no option sharded/],
  ['a prefix that is none of subjects', () => nats({}, { prefix: 'a.>.' }), /must begin a subject/],
])('refuses %s', (_, call, message) => {
  expect(call).toThrow(message);
});

describePeer(natsServer(), () => {
  test('carries messages between servers', async () => {
    const { port } = await startNats();
    const newBroker = () => nats({ servers: `127.0.0.1:${port}` });
    const [one, other] = [await sharedServer(newBroker()), await sharedServer(newBroker())];
    const ws = await subscriber(other, 'a');
    await reaches(one, ws, 'a');
    for (let i = 0; i < 1000; i++) one.publish('a', `m${i}`);
    expect(await nextTexts(ws, 1000)).toEqual(Array.from({ length: 1000 }, (_, i) => `m${i}`));
    await one.broker!.published;
  });
});
