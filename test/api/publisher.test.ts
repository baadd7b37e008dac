import { EventEmitter } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Opcode, prepare, publisher } from '../../src/index.js';
import { EmitterBroker } from '../support/emitter-broker.js';
import { FakeBroker } from '../support/fake-broker.js';
import { nextTexts, sharedServer, subscriber } from '../support/shared-servers.js';
import { turns } from '../support/waiting.js';

test('publishes to the sockets of all servers', async () => {
  const bus = new EventEmitter();
  const server = await sharedServer(new EmitterBroker(bus));
  const ws = await subscriber(server, 'a');
  await turns();
  const job = publisher(new EmitterBroker(bus));
  expect(job.status).toBe('up');
  expect(job.publish('a', 'text')).toBeUndefined();
  job.publish('a', Buffer.from('bytes'), Opcode.Text);
  await job.published;
  expect(await nextTexts(ws, 2)).toEqual(['text', 'bytes']);
  await job.close();
});

test('judges what it is given at the call', async () => {
  const job = publisher(new EmitterBroker(new EventEmitter()));
  expect(() => job.publish(7 as never, 'x')).toThrow(/topic must be a string, not 7/);
  expect(() => job.publish('a', 7 as never)).toThrow(TypeError);
  expect(() => job.publish('a', 'x', Opcode.Ping)).toThrow(/not that of a message/);
  expect(() => job.publish('\udc00', 'x')).toThrow(/well-formed/);
  expect(() => publisher({} as never)).toThrow(/must have a method/);
});

test('waits for the broker when it closes, and drops the rest at the time-out', async () => {
  const broker = new FakeBroker();
  const job = publisher(broker);
  job.publish('a', 'x');
  const { published } = job;
  await job.close({ timeout: 10 });
  expect([broker.isClosed, job.broker.dropped]).toEqual([true, 1]);
  await expect(published).rejects.toMatchObject({ code: 'WASOCK_BROKER_DROPPED' });
});

test('that is closed before its broker is there still publishes what it was given', async () => {
  const broker = new FakeBroker();
  broker.status = 'connecting';
  const job = publisher(broker);
  job.publish('a', 'x');
  const closed = job.close();
  await turns();
  expect([broker.isClosed, broker.calls]).toEqual([false, []]);
  broker.turn('up');
  const [call, ...others] = broker.take();
  expect([call.topic, others]).toEqual(['a', []]);
  call.resolve();
  await closed;
  expect([broker.isClosed, job.broker.dropped]).toEqual([true, 0]);
});

test('takes prepared messages, and any time-out that close of a server takes', async () => {
  const broker = new FakeBroker();
  const job = publisher(broker);
  job.publish('a', prepare('x'));
  expect(() => job.close({ timeout: Number.NaN })).toThrow(/timeout/);
  expect(() => job.close({ timeout: -1 })).toThrow(RangeError);
  const closed = job.close({ timeout: Number.POSITIVE_INFINITY });
  expect(job.close()).toBe(closed);
  await turns();
  expect([broker.isClosed, job.broker.dropped]).toEqual([false, 0]);
  broker.take()[0].resolve();
  await closed;
  expect(broker.isClosed).toBe(true);
});

test('tells of a broker that does not close', async () => {
  const said = vi.spyOn(console, 'error').mockReturnValue();
  onTestFinished(() => said.mockRestore());
  const broker = Object.assign(new FakeBroker(), { close: () => Promise.reject(new Error('cannot close')) });
  await publisher(broker).close();
  expect(said.mock.calls.flat().map(String)).toEqual([expect.stringContaining('cannot close')]);
});

test('tells on the console why the broker is not there at first', async () => {
  const said = vi.spyOn(console, 'error').mockReturnValue();
  onTestFinished(() => said.mockRestore());
  const broker = new FakeBroker();
  broker.status = 'connecting';
  const job = publisher(broker);
  broker.turn('connecting', new Error('no route'));
  expect(said.mock.calls.flat().map(String)).toEqual([expect.stringContaining('no route')]);
  await job.close();
});
