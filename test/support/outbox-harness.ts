import { UNCOUNTED } from '../../src/net/counters.js';
import { Outbox } from '../../src/net/writing/outbox.js';
import { FakeTransport } from './fake-transport.js';

export const HIGH_WATER_MARK = 65_536;

export interface OutboxSetting {
  readonly maskingKey?: () => number;
  readonly releasesMemory?: boolean;
  readonly highWaterMark?: number;
}

/** An outbox over a transport without a socket; on a client's side, if there is a `maskingKey`. */
export function makeOutbox({ maskingKey, releasesMemory, highWaterMark = HIGH_WATER_MARK }: OutboxSetting = {}) {
  const transport = new FakeTransport(releasesMemory);
  const events = {
    drains: 0,
    /** What `departed` was each time that it was told of. */
    departures: [] as number[],
    onDrain() {
      events.drains++;
    },
    onWritten() {},
    onDeparted() {
      events.departures.push(outbox.departed);
    },
    closedError: () => new Error('closed'),
  };
  const outbox = new Outbox(transport, events, {
    highWaterMark,
    maskingKey: maskingKey ?? null,
    counters: UNCOUNTED,
    maxBackpressure: Number.POSITIVE_INFINITY,
    deflater: null,
  });
  transport.onWritten = () => outbox.onWritten();
  return { outbox, transport, events };
}

/** The end of the turn: what is scheduled for it has happened. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** How a promise stands, without waiting for it to settle. */
export async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'resolved' | 'rejected'> {
  let state: 'pending' | 'resolved' | 'rejected' = 'pending';
  promise.then(
    () => {
      state = 'resolved';
    },
    () => {
      state = 'rejected';
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return state;
}
