import type { Broker, BrokerStatus } from '../../src/index.js';

/** A call of a broker that the test answers. */
export interface Call {
  readonly name: 'publish' | 'subscribe' | 'unsubscribe';
  readonly topic: string;
  readonly payload: Buffer;
  readonly resolve: () => void;
  readonly reject: (error?: Error) => void;
}

/** A broker whose answers the test gives. */
export class FakeBroker implements Broker {
  status: BrokerStatus = 'up';
  maxBuffered: number | undefined;
  maxMessage: number | undefined;
  onMessage: Broker['onMessage'] = null;
  onStatus: Broker['onStatus'] = null;
  onGap: Broker['onGap'] = null;
  readonly calls: Call[] = [];
  isClosed = false;

  #call(name: Call['name'], topic: string, payload: Buffer = Buffer.alloc(0)): Promise<void> {
    return new Promise((resolve, reject) => {
      this.calls.push({ name, topic, payload, resolve, reject: (error = new Error('refused')) => reject(error) });
    });
  }

  /** Takes the calls that were made, and forgets them. */
  take(): Call[] {
    return this.calls.splice(0);
  }

  turn(status: BrokerStatus, error?: Error): void {
    this.status = status;
    this.onStatus?.(error);
  }

  publish(topic: string, payload: Buffer): Promise<void> {
    return this.#call('publish', topic, payload);
  }

  subscribe(topic: string): Promise<void> {
    return this.#call('subscribe', topic);
  }

  unsubscribe(topic: string): Promise<void> {
    return this.#call('unsubscribe', topic);
  }

  close(): void {
    this.isClosed = true;
  }
}
