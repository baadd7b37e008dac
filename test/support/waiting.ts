import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until `condition` holds; generous, for a busy machine.
 *
 * @param what names it when it does not come
 */
export async function until(
  condition: () => boolean,
  what: () => string = () => String(condition),
  patience = 15_000,
): Promise<void> {
  const deadline = performance.now() + patience;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${what()}`);
    await sleep(2);
  }
}

/** Waits for some turns of the event loop, in which what is under way over the loopback interface happens. */
export async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
