/** A call of zlib that waits, and how many may run when it starts. */
interface Waiting {
  readonly limit: number;
  readonly start: (done: () => void) => void;
}

let running = 0;
const waiting: Waiting[] = [];

/**
 * Starts an asynchronous call of zlib when fewer than `limit` of this thread are running, in the order of the calls: many
 * at once would fragment the memory of the process.
 *
 * @param start has to call `done` at the end, or throw
 */
export function limited(limit: number, start: (done: () => void) => void): void {
  waiting.push({ limit, start });
  startWaiting();
}

function startWaiting(): void {
  while (waiting.length > 0 && running < waiting[0].limit) {
    const { start } = waiting.shift()!;
    let isRunning = true;
    const done = () => {
      if (!isRunning) return;
      isRunning = false;
      running--;
      startWaiting();
    };
    running++;
    try {
      start(done);
    } catch (error) {
      done();
      throw error;
    }
  }
}
