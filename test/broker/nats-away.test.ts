import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { publisher } from '../../src/index.js';
import { nats } from '../../src/nats.js';
import { BrokerServer, freePort, natsServer, newNats, startNats } from '../support/broker-servers.js';
import { monitored, quickNats } from '../support/nats.js';
import { describePeer } from '../support/peers.js';
import { runNode } from '../support/program.js';
import { until } from '../support/servers.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';
import { turns } from '../support/waiting.js';

/** A server on a port that is settled, not started; it goes with the test. */
function natsAt(port: number, ...more: string[]): BrokerServer {
  const server = new BrokerServer('nats-server', port, () => ['-a', '127.0.0.1', '-p', String(port), ...more]);
  onTestFinished(() => server.dispose());
  return server;
}

const texts = (count: number, from: number) => Array.from({ length: count }, (_, i) => `m${from + i}`);

/** A delay before reconnecting that does not end until it is let go. */
function heldBack() {
  const start = Date.now();
  let isHeld = true;
  return {
    // The client compares it with the time since it connected, asks again later, and so on.
    reconnectDelayHandler: () => (isHeld ? Date.now() - start + 20 : 0),
    letGo: () => {
      isHeld = false;
    },
  };
}

/** A job that publishes, until the test ends. */
function job(...args: Parameters<typeof publisher>) {
  const publishing = publisher(...args);
  onTestFinished(() => publishing.close({ timeout: 100 }));
  return publishing;
}

describePeer(natsServer(), () => {
  test('a server that is not there at first is told once, and used when it comes', async () => {
    const nats4 = natsAt(await freePort());
    const errors: Error[] = [];
    const server = await sharedServer(nats({ servers: `127.0.0.1:${nats4.port}` }), { error: (e) => errors.push(e) });
    await until(() => errors.length > 0);
    const publishing = job(nats({ servers: `127.0.0.1:${nats4.port}` }));
    publishing.publish('a', 'early');
    const ws = await subscriber(server, 'a');
    await nats4.start();
    await reaches(publishing, ws, 'a');
    expect(errors.map(({ message }) => message)).toEqual(['connection refused']);
    await publishing.published;
    expect(publishing.broker.dropped).toBe(0);
  });

  test('a wrong password for a while ends nothing, at first or later', async () => {
    const port = await freePort();
    const [right, wrong] = [natsAt(port, '--auth', 'right'), natsAt(port, '--auth', 'wrong')];
    const { broker, connections } = quickNats(port, {}, { token: 'right' });
    await wrong.start();
    const errors: Error[] = [];
    const publishing = job(broker);
    const server = await sharedServer(quickNats(port, {}, { token: 'right' }).broker, { error: (e) => errors.push(e) });
    await until(() => errors.length > 0);
    expect(errors[0].message).toMatch(/authorization violation/i);
    await wrong.stop();
    await right.start();
    const ws = await subscriber(server, 'a');
    await reaches(publishing, ws, 'a');
    await right.stop();
    await wrong.start();
    let refusals = 0;
    (async () => {
      for await (const { type } of connections[0].status()) if (type === 'error') refusals++;
    })();
    await until(() => refusals >= 4);
    expect(connections).toHaveLength(1);
    await wrong.stop();
    await right.start();
    // A client that is cut off in the middle of its greeting waits for nothing. It is replaced after 17 seconds at most.
    await reaches(publishing, ws, 'a', 45_000);
  }, 60_000);

  test('broker.N-01: a server that is away for hundreds of attempts is used when it is back', async () => {
    const nats1 = await startNats();
    let asked = 0;
    const reconnectDelayHandler = () => (asked++ < 0 ? 0 : 2);
    const server = await sharedServer(quickNats(nats1.port, {}, { reconnectDelayHandler }).broker);
    const ws = await subscriber(server, 'a');
    const publishing = job(quickNats(nats1.port).broker);
    await reaches(publishing, ws, 'a');
    await nats1.stop();
    asked = 0;
    await until(() => asked > 300);
    expect(server.broker!.status).toBe('down');
    await nats1.start();
    await reaches(publishing, ws, 'a');
  });

  test('broker.N-01: a connection that has ended for good is replaced', async () => {
    const { port } = await startNats();
    const { broker, connections } = quickNats(port);
    const server = await sharedServer(broker);
    const ws = await subscriber(server, 'a');
    const publishing = job(quickNats(port).broker);
    await reaches(publishing, ws, 'a');
    const events: string[] = [];
    for (const name of ['up', 'down', 'gap'] as const) server.broker!.on(name, () => events.push(name));
    await connections[0].close();
    await until(() => server.broker!.status === 'down');
    await until(() => server.broker!.status === 'up');
    await reaches(publishing, ws, 'a');
    expect(events.slice(0, 3)).toEqual(['down', 'gap', 'up']);
    expect(connections).toHaveLength(2);
  });

  test.each([
    ['all is delivered', 1_000_000, 0],
    ['with a small maxBuffered, the oldest are dropped and counted', 3000, 100],
  ])('broker.N-02: of what is published while it is away, %s', async (_, maxBuffered, atLeast) => {
    const nats1 = await startNats();
    const server = await sharedServer(quickNats(nats1.port).broker);
    const { reconnectDelayHandler, letGo } = heldBack();
    const publishing = job(quickNats(nats1.port, { maxBuffered }, { reconnectDelayHandler }).broker);
    const ws = await subscriber(server, 'a');
    await reaches(publishing, ws, 'a');
    await publishing.published;
    // The kernel takes these from the client, and nothing comes of them.
    await nats1.pause();
    for (let i = 0; i < 10; i++) {
      publishing.publish('a', `m${i}`);
      await new Promise(setImmediate);
    }
    await nats1.stop();
    await until(() => publishing.status === 'down' && server.broker!.status === 'down');
    for (let i = 10; i < 200; i++) publishing.publish('a', `m${i}`);
    // What was under way is given back in later turns.
    await turns(50);
    const { dropped } = publishing.broker;
    expect(dropped).toBeGreaterThanOrEqual(atLeast);
    const published = publishing.published.catch((error) => error.message);
    await nats1.start();
    await until(() => server.broker!.status === 'up');
    letGo();
    expect(await nextTexts(ws, 200 - dropped)).toEqual(texts(200 - dropped, dropped));
    expect(await published).toBe(
      dropped > 0 ? `${dropped} message(s) were dropped before the broker had them` : undefined,
    );
    publishing.publish('a', 'end');
    expect(await nextTexts(ws, 1)).toEqual(['end']);
    expect(publishing.broker.dropped).toBe(dropped);
  });

  test('broker.N-02: a restart in the middle of many messages loses none without a word', async () => {
    const nats1 = await startNats();
    const server = await sharedServer(quickNats(nats1.port).broker);
    const { reconnectDelayHandler, letGo } = heldBack();
    const publishing = job(quickNats(nats1.port, {}, { reconnectDelayHandler }).broker);
    const ws = await subscriber(server, 'a');
    await reaches(publishing, ws, 'a');
    const received: number[] = [];
    ws.receivePacket()
      .then(async function next({ data }): Promise<void> {
        received.push(Number(String(data)));
        return next(await ws.receivePacket());
      })
      .catch(() => {});
    let count = 0;
    const publish = async (upTo: number) => {
      while (count < upTo) {
        for (let i = 0; i < 10; i++) publishing.publish('a', String(count++));
        await new Promise(setImmediate);
      }
    };
    await publish(2000);
    const stopped = nats1.stop();
    await publish(4000);
    await stopped;
    await until(() => publishing.status === 'down' && server.broker!.status === 'down');
    await publish(5000);
    await nats1.start();
    await until(() => server.broker!.status === 'up');
    letGo();
    await publishing.published;
    await until(() => received.at(-1) === count - 1);
    expect(received).toEqual([...new Set(received)].sort((a, b) => a - b));
    // What the first server had confirmed and not delivered is a hole, which is told; what it had not is there.
    const holes = received.filter((number, i) => i > 0 && number !== received[i - 1] + 1);
    expect(holes.length).toBeLessThanOrEqual(1);
    expect(server.broker!.gaps).toBe(1 + holes.length);
    expect(publishing.broker.dropped).toBe(0);
  });

  test('a topic that everybody has left meanwhile is not subscribed to again', async () => {
    const monitor = await freePort();
    const nats1 = await startNats('-m', String(monitor));
    const server = await sharedServer(quickNats(nats1.port).broker);
    const publishing = job(quickNats(nats1.port).broker);
    const [ws, left] = [await subscriber(server, 'a'), await subscriber(server, 'b')];
    for (const [client, topic] of [
      [ws, 'a'],
      [left, 'b'],
    ] as const)
      await reaches(publishing, client, topic);
    const before = (await monitored(monitor, 'varz')).subscriptions;
    await nats1.stop();
    await until(() => server.broker!.status === 'down');
    void left.send('-b');
    await until(() => server.subscriberCount('b') === 0);
    // Until it is no longer kept for somebody who comes back.
    await new Promise((resolve) => setTimeout(resolve, 2200));
    await nats1.start();
    await reaches(publishing, ws, 'a');
    expect((await monitored(monitor, 'varz')).subscriptions).toBe(before - 1);
  });

  test('broker.A-02: after two restarts in a row, all of a thousand topics are heard', async () => {
    const nats1 = await startNats();
    const server = await sharedServer(quickNats(nats1.port).broker);
    const topics = Array.from({ length: 1000 }, (_, i) => `topic ${i}`);
    const ws = await subscriber(server, ...topics);
    const publishing = job(quickNats(nats1.port).broker);
    await reaches(publishing, ws, topics[999]);
    let downs = 0;
    server.broker!.on('down', () => downs++);
    for (let i = 1; i <= 2; i++) {
      await nats1.stop();
      await until(() => downs === i);
      await nats1.start();
      await until(() => server.broker!.status === 'up');
    }
    await reaches(publishing, ws, topics[999]);
    for (const topic of topics) publishing.publish(topic, topic);
    expect(await nextTexts(ws, 1000)).toEqual(topics);
  });

  test.each(['up', 'away', 'never there'])('a process ends after close, with a server that is %s', async (state) => {
    const nats1 = natsAt(await freePort());
    if (state !== 'never there') await nats1.start();
    const program = runNode([
      '-e',
      `const { publisher } = require('./build/index.js');
      const { nats } = require('./build/nats.js');
      const job = publisher(nats({ servers: '127.0.0.1:${nats1.port}' }));
      job.broker.on('up', () => console.log('up'));
      job.broker.on('down', () => console.log('down'));
      job.publish('a', 'x');
      process.on('SIGUSR2', () => job.close({ timeout: 100 }).then(() => console.log('closed')));`,
    ]);
    await program.printed(state === 'never there' ? /down/ : /up/);
    if (state === 'away') await nats1.stop();
    if (state === 'away') await program.printed(/down/);
    program.signal('SIGUSR2');
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(program.stdout).toMatch(/closed\n$/);
  });

  test('servers on two machines hear each other, and go on when one of the machines is gone', async () => {
    const [a, b] = await natsCluster();
    const at = (nats1: BrokerServer) =>
      nats(async (settings) => {
        const servers = `127.0.0.1:${nats1.port}`;
        return (await import('@nats-io/transport-node')).connect({
          ...settings,
          servers,
          reconnectDelayHandler: () => 10,
        });
      });
    const [one, other] = [await sharedServer(at(a)), await sharedServer(at(b))];
    const [here, there] = [await subscriber(one, 'a'), await subscriber(other, 'a')];
    await reaches(one, there, 'a');
    let text = '';
    while (text !== 'the last probe') [text] = await nextTexts(here, 1);
    other.publish('a', 'hello');
    for (const ws of [here, there]) expect(await nextTexts(ws, 1)).toEqual(['hello']);
    const gap = once(one.broker!, 'gap');
    await a.stop();
    await gap;
    await reaches(other, here, 'a');
    one.publish('a', 'still here');
    while (text !== 'still here') [text] = await nextTexts(there, 1);
  });
});

/** Two servers that find each other, each of which tells clients of the other. */
async function natsCluster(): Promise<BrokerServer[]> {
  const ports = [await freePort(), await freePort()];
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
  const servers = await Promise.all(
    routes.map((own) => newNats('--cluster_name', 'c', '--cluster', own, '--routes', routes.join(','))),
  );
  for (const server of servers) {
    onTestFinished(() => server.dispose());
    await server.start();
  }
  return servers;
}
