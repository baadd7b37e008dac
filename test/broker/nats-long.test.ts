import { expect, onTestFinished, test } from 'vitest';
import { publisher } from '../../src/index.js';
import { natsServer, startNats } from '../support/broker-servers.js';
import { natsConfig, quickNats } from '../support/nats.js';
import { describePeer } from '../support/peers.js';
import { runNode } from '../support/program.js';
import { connected, until } from '../support/servers.js';
import { nextTexts, reaches, sharedServer, subscriber } from '../support/shared-servers.js';

/** Before each script: `newBroker`, of a NATS server on this port, and `told`, which waits for a signal. */
const prelude = (port: number) => `
  const { publisher, serve } = require('./build/index.js');
  const { nats } = require('./build/nats.js');
  const newBroker = () => nats({ servers: '127.0.0.1:${port}' });
  let signals = 0;
  let onSignal = () => {};
  process.on('SIGUSR2', () => (signals++, onSignal()));
  const told = async () => {
    if (signals === 0) await new Promise((resolve) => (onSignal = resolve));
    signals--;
  };
`;

/** Publishes 100 MB in one turn to a server that does not read, and says what it holds then and when time has passed. */
const FLOOD = `
  (async () => {
    const job = publisher(newBroker());
    const count = 500;
    const data = Buffer.alloc(200_000, 1);
    await new Promise((resolve) => job.broker.once('up', resolve));
    console.log('ready');
    await told();
    const held = () => (gc(), gc(), process.memoryUsage().arrayBuffers);
    const before = held();
    for (let i = 0; i < count; i++) job.publish('a', data);
    await new Promise(setImmediate);
    const burst = held() - before;
    while (job.broker.buffered > 3_000_000) await new Promise((resolve) => setTimeout(resolve, 50));
    console.log('later', burst, held() - before, job.broker.buffered, job.broker.dropped);
    await job.published.catch((error) => console.log(error.message));
    console.log('dropped', job.broker.dropped, 'end');
    await job.close();
  })();
`;

/** A server that blocks its loop when it is told, and says what happened. */
const BLOCKED = `
  (async () => {
    const server = await serve({ port: 0, broker: newBroker(), message: (ws, topic) => void ws.subscribe(topic) });
    for (const name of ['up', 'down', 'gap']) server.broker.on(name, () => console.log(name));
    console.log('ws://127.0.0.1:' + server.port + ' ');
    await told();
    console.log('blocked');
    for (const end = Date.now() + 3000; Date.now() < end; );
  })();
`;

describePeer(natsServer(), () => {
  test('broker.N-03: a server that does not read costs a bounded amount of memory, and what it misses is counted', async () => {
    const nats1 = await startNats();
    const server = await sharedServer(quickNats(nats1.port).broker);
    const ws = await subscriber(server, 'a');
    await until(() => server.broker!.status === 'up');
    const job = runNode(['--expose-gc', '-e', prelude(nats1.port) + FLOOD]);
    await job.printed(/ready/);
    nats1.signal('SIGSTOP');
    job.signal('SIGUSR2');
    const [, ...held] = await job.printed(/later (\d+) (\d+) (\d+) (\d+)\n/);
    const [burst, later, buffered, droppedBefore] = held.map(Number);
    expect(burst).toBeLessThan(75_000_000);
    expect(later).toBeLessThan(10_000_000);
    expect(buffered).toBeLessThanOrEqual(3_000_000);
    expect(droppedBefore).toBeGreaterThan(400);
    nats1.signal('SIGCONT');
    const dropped = Number((await job.printed(/dropped (\d+) end/))[1]);
    for (let i = dropped; i < 500; i++) expect((await ws.receivePacket()).data).toHaveLength(200_000);
    expect(await job.exit).toEqual({ code: 0, signal: null });
    const after = publisher(quickNats(nats1.port).broker);
    onTestFinished(() => after.close());
    await reaches(after, ws, 'a');
  }, 60_000);

  test('broker.N-04: a process that blocks, and is cut off, hears of a gap and goes on', async () => {
    const { port } = await startNats(
      ...natsConfig('write_deadline: "100ms"\nmax_payload: 200000\nmax_pending: 1000000'),
    );
    const other = runNode(['-e', prelude(port) + BLOCKED]);
    const ws = await connected((await other.url()).trim());
    void ws.send('a');
    const job = publisher(quickNats(port).broker);
    onTestFinished(() => job.close());
    await reaches(job, ws, 'a');
    other.signal('SIGUSR2');
    await other.printed(/blocked/);
    const gapsBefore = other.stdout.split('gap').length;
    for (let i = 0; i < 300; i++) {
      job.publish('a', `${i} `.padEnd(100_000, 'x'));
      if (i % 5 === 0) await job.published;
    }
    await until(() => other.stdout.split('gap').length > gapsBefore);
    const numbers: number[] = [];
    const end = (async () => {
      for (let text = ''; text !== 'end'; ) {
        [text] = await nextTexts(ws, 1);
        if (text.startsWith('end') || text.includes('probe')) continue;
        numbers.push(Number.parseInt(text, 10));
      }
    })();
    await until(() => job.publish('a', 'end') === undefined && other.stdout.includes('down\n'));
    let isDone = false;
    end.then(() => (isDone = true));
    await until(() => job.publish('a', 'end') === undefined && isDone);
    expect(numbers.length).toBeLessThan(300);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  }, 60_000);

  test('broker.N-03: a server that stops reading in the middle of a message does not keep the client', async () => {
    const config = natsConfig('max_payload: 33554432');
    const nats1 = await startNats(...config);
    const { broker, connections } = quickNats(nats1.port, { maxMessage: 33_554_432 }, { pingInterval: 300 });
    const job = publisher(broker);
    onTestFinished(() => job.close({ timeout: 1 }));
    const server = await sharedServer(quickNats(nats1.port).broker);
    const ws = await subscriber(server, 'a');
    await reaches(job, ws, 'a');
    nats1.signal('SIGSTOP');
    job.publish('a', Buffer.alloc(30_000_000));
    await until(() => job.status === 'down');
    // The client itself still waits for the kernel to take the rest.
    await until(() => connections[0].isClosed());
    await nats1.stop();
    await nats1.start();
    await reaches(job, ws, 'a');
    expect(connections).toHaveLength(2);
  }, 60_000);

  test('broker.A-11: twenty processes that lose it come back', async () => {
    const nats1 = await startNats();
    const brokers = Array.from({ length: 20 }, () => quickNats(nats1.port, {}, { reconnectDelayHandler: undefined }));
    const jobs = brokers.map(({ broker }) => publisher(broker));
    onTestFinished(async () => void (await Promise.all(jobs.map((job) => job.close({ timeout: 1 })))));
    await until(() => jobs.every(({ status }) => status === 'up'));
    await nats1.stop();
    await until(() => jobs.every(({ status }) => status === 'down'));
    for (const job of jobs) job.publish('a', 'x');
    await nats1.start();
    await Promise.all(jobs.map((job) => job.published));
    expect(jobs.map(({ broker }) => broker.dropped)).toEqual(Array(20).fill(0));
  }, 60_000);
});
