import type { Codec } from '../codec/codec.js';
import { Receiver } from './receiver.js';
import type { ReceiverOptions, ReceiverSink } from './receiver-options.js';

/** Idle receivers that are kept for each set of options. */
const KEPT = 16;

const pools = new WeakMap<ReceiverOptions, Receiver[]>();

/** The pool that was asked for last: mostly there is one server. */
let latestOptions: ReceiverOptions | null = null;
let latestPool: Receiver[] = [];

function poolOf(options: ReceiverOptions): Receiver[] {
  if (latestOptions === options) return latestPool;
  let pool = pools.get(options);
  if (pool === undefined) {
    pool = [];
    pools.set(options, pool);
  }
  latestOptions = options;
  latestPool = pool;
  return pool;
}

/** Stands for no connection. */
const NOBODY: ReceiverSink = { onBatchBegin() {}, onMessage() {}, onControl() {}, onFrame() {}, onFault() {} };

/**
 * A receiver in its first state, for a connection that has something to receive. One that has nothing under way needs none,
 * and most connections of a large server are such.
 */
export function takeReceiver(codec: Codec, sink: ReceiverSink, options: ReceiverOptions): Receiver {
  const receiver = poolOf(options).pop();
  if (receiver === undefined) return new Receiver(codec, sink, options);
  receiver.sink = sink;
  return receiver;
}

/** Gives back a receiver that is idle. */
export function giveReceiverBack(receiver: Receiver): void {
  const pool = poolOf(receiver.options);
  receiver.sink = NOBODY;
  if (pool.length < KEPT) pool.push(receiver);
}
