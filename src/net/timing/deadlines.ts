import { AsyncResource } from 'node:async_hooks';
import { performance } from 'node:perf_hooks';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import { MAX_INT32 } from './after-reading.js';

/** Something with a deadline. It is in at most one slot of the wheel. */
export interface Timed {
  /** The slot it is in, or 0. Kept by the wheel. */
  slot: number;
  /**
   * @param now monotonic, in milliseconds; all sockets have been read once since then, so everything that had arrived
   *   by then has been seen
   * @param due when this call was due; long before `now` if the process was busy
   */
  onDeadline(now: number, due: number): void;
}

/** Milliseconds per slot. One timer handles all deadlines of a slot. */
export const SLOT = 50;

/** The async context of the timer. It belongs to no connection, whichever makes the timer. */
const scope = new AsyncResource('wasock.deadlines');

/**
 * One timer for the deadlines of all connections of a thread, at a resolution of 50 ms. It uses the monotonic clock, so
 * that a change of the wall clock closes nothing. It does not keep the process alive, unless `keepProcess` was called.
 */
const slots = new Map<number, Set<Timed>>();
let timer: NodeJS.Timeout | null = null;
let timerSlot = Number.POSITIVE_INFINITY;
let keepers = 0;

/**
 * Schedules one call of `item.onDeadline`, at or soon after `at`. If the item already has a deadline, the earlier one
 * counts.
 */
export function scheduleDeadline(item: Timed, at: number): void {
  const slot = Math.ceil(at / SLOT);
  if (item.slot !== 0) {
    if (item.slot <= slot) return;
    removeFromSlot(item);
  }
  item.slot = slot;
  const items = slots.get(slot);
  if (items === undefined) slots.set(slot, new Set([item]));
  else items.add(item);
  if (slot < timerSlot) setTimer(slot);
}

/** Cancels the deadline of an item. */
export function cancelDeadline(item: Timed): void {
  if (item.slot !== 0) removeFromSlot(item);
  if (slots.size === 0) clearTimer();
}

/** Deadlines keep the process alive, until `letProcessEnd` was called as often. */
export function keepProcess(): void {
  keepers++;
  timer?.ref();
}

export function letProcessEnd(): void {
  if (--keepers === 0) timer?.unref();
}

function removeFromSlot(item: Timed): void {
  const items = slots.get(item.slot);
  items?.delete(item);
  if (items?.size === 0) slots.delete(item.slot);
  item.slot = 0;
}

function setTimer(slot: number): void {
  clearTimer();
  timerSlot = slot;
  const delay = Math.ceil(slot * SLOT - performance.now());
  timer = scope.runInAsyncScope(setTimeout, null, fire, Math.min(Math.max(1, delay), MAX_INT32)) as NodeJS.Timeout;
  if (keepers === 0) timer.unref();
}

function clearTimer(): void {
  if (timer !== null) clearTimeout(timer);
  timer = null;
  timerSlot = Number.POSITIVE_INFINITY;
}

/**
 * The process may have been busy for long while the peers' bytes waited in the kernel. So the timer itself calls no
 * `onDeadline`. An immediate does, which on every Node runs after the event loop has read the sockets once.
 */
function fire(): void {
  // `timer` stays set until then, so that `scheduleDeadline` sets no timer for what is already due.
  const now = performance.now();
  setImmediate(judge, now);
}

function judge(now: number): void {
  clearTimer();
  const dueSlot = Math.floor(now / SLOT);
  try {
    for (const slot of [...slots.keys()]) if (slot <= dueSlot) fireSlot(slot, now);
  } finally {
    // Also if an item threw, because the others still have their deadlines.
    setTimerForNextSlot();
  }
}

function fireSlot(slot: number, now: number): void {
  // A copy: an item that is put into the same slot again has to wait for the next timer.
  for (const item of [...(slots.get(slot) ?? [])]) {
    // Another item's `onDeadline` may have cancelled this one.
    if (item.slot !== slot) continue;
    removeFromSlot(item);
    item.onDeadline(now, slot * SLOT);
  }
}

function setTimerForNextSlot(): void {
  let next = Number.POSITIVE_INFINITY;
  for (const slot of slots.keys()) if (slot < next) next = slot;
  if (next < timerSlot) setTimer(next);
}
