import type { EventEmitter } from 'node:events';
import type { Broker } from '../../src/index.js';

/** A broker within one process, over an EventEmitter that several share: what an implementation has at least. */
export class EmitterBroker implements Broker {
  readonly status = 'up';
  onMessage: Broker['onMessage'] = null;
  onStatus: Broker['onStatus'] = null;
  onGap: Broker['onGap'] = null;
  readonly #bus: EventEmitter;
  readonly #listeners = new Map<string, (payload: Buffer) => void>();

  constructor(bus: EventEmitter) {
    this.#bus = bus;
  }

  publish(topic: string, payload: Buffer): void {
    this.#bus.emit(`topic ${topic}`, payload);
  }

  subscribe(topic: string): void {
    if (this.#listeners.has(topic)) return;
    const listener = (payload: Buffer) => this.onMessage?.(topic, payload);
    this.#listeners.set(topic, listener);
    this.#bus.on(`topic ${topic}`, listener);
  }

  unsubscribe(topic: string): void {
    const listener = this.#listeners.get(topic);
    if (listener !== undefined) this.#bus.off(`topic ${topic}`, listener);
    this.#listeners.delete(topic);
  }

  close(): void {
    for (const topic of [...this.#listeners.keys()]) this.unsubscribe(topic);
  }
}
