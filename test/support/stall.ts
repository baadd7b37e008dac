import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';

/** Blocks the event loop, as a long computation does. */
export function blockLoop(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** A peer in a thread of its own, which goes on while our loop is blocked. Ends with the test. */
export class PeerThread {
  readonly #worker: Worker;
  readonly #messages: unknown[] = [];

  /** @param script gets `tell`, which sends us a message, `data`, and `require` */
  constructor(script: string, data: unknown) {
    const prelude = `
      const { parentPort, workerData: data } = require('node:worker_threads');
      const tell = (message) => parentPort.postMessage(message);
    `;
    this.#worker = new Worker(prelude + script, { eval: true, workerData: data });
    this.#worker.on('message', (message) => this.#messages.push(message));
    onTestFinished(async () => void (await this.#worker.terminate()));
  }

  /** The next message. */
  async told(): Promise<unknown> {
    while (this.#messages.length === 0) await once(this.#worker, 'message');
    return this.#messages.shift();
  }
}
