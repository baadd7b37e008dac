import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { Connection } from '../../src/net/connection.js';
import type { ConnectionHandler, ConnectionOptions } from '../../src/net/connection-handler.js';
import { UNCOUNTED } from '../../src/net/counters.js';
import type { CloseResult } from '../../src/protocol/errors.js';
import { newMaskingKey } from '../../src/protocol/masking-key.js';
import { DEFAULT_OPTIONS } from './receiver-harness.js';
import { until } from './waiting.js';

/** The limits of `wasock`, but for the time limits, which are off. */
export const CONNECTION_OPTIONS: ConnectionOptions = {
  ...DEFAULT_OPTIONS,
  pingInterval: 0,
  pongTimeout: 0,
  idleTimeout: 0,
  messageTimeout: 0,
  closeTimeout: 5000,
  highWaterMark: 65_536,
  maxBackpressure: 1_048_576,
  maskingKey: null,
  deflater: null,
  rateLimit: null,
  counters: UNCOUNTED,
};

/** A handler that records all that it is told. */
export class Recorder implements ConnectionHandler {
  readonly messages: (string | Buffer)[] = [];
  readonly frames: { fin: boolean; opcode: number; payload: Buffer }[] = [];
  readonly pings: Buffer[] = [];
  readonly pongs: Buffer[] = [];
  readonly errors: Error[] = [];
  readonly closes: CloseResult[] = [];
  /** The names of all events in order. */
  readonly events: string[] = [];
  drains = 0;
  cause: Error | undefined;

  onMessage(_opcode: number, data: string | Buffer): void {
    this.events.push('message');
    this.messages.push(data);
  }
  onFrame(fin: boolean, opcode: number, payload: Buffer): void {
    this.events.push('frame');
    this.frames.push({ fin, opcode, payload });
  }
  onPing(payload: Buffer): void {
    this.events.push('ping');
    this.pings.push(payload);
  }
  onPong(payload: Buffer): void {
    this.events.push('pong');
    this.pongs.push(payload);
  }
  onDrain(): void {
    this.events.push('drain');
    this.drains++;
  }
  onError(error: Error): void {
    this.events.push('error');
    this.errors.push(error);
  }
  onClose({ cause, ...result }: CloseResult): void {
    this.events.push('close');
    this.closes.push(result);
    this.cause = cause;
  }

  async messagesReceived(count: number): Promise<readonly (string | Buffer)[]> {
    await until(
      () => this.messages.length >= count,
      () => `${count} messages, of which ${this.messages.length} came`,
    );
    return this.messages;
  }

  /** Waits for `onClose`. */
  async closed(): Promise<CloseResult> {
    await until(
      () => this.closes.length > 0,
      () => 'onClose',
    );
    return this.closes[0];
  }
}

export interface Opening {
  readonly options?: Partial<ConnectionOptions>;
  /** Stands in for parts of the recorder; called behind the recording. */
  readonly on?: Partial<ConnectionHandler>;
  readonly head?: Buffer;
}

export interface Opened {
  readonly connection: Connection;
  readonly recorder: Recorder;
}

/** A connection over `socket`, not started. It ends with the test. */
export function makeConnection(socket: Duplex, { options, on = {} }: Opening = {}): Opened {
  const recorder = new Recorder();
  const handler = new Proxy(recorder, {
    get(target, name: keyof ConnectionHandler) {
      const record = target[name] as (...args: unknown[]) => void;
      const then = on[name] as ((...args: unknown[]) => void) | undefined;
      if (then === undefined) return typeof record === 'function' ? record.bind(target) : record;
      return (...args: unknown[]) => {
        record.apply(target, args);
        then(...args);
      };
    },
  });
  const maskingKey = options?.role === 'client' ? newMaskingKey : null;
  const connection = new Connection(socket, { ...CONNECTION_OPTIONS, maskingKey, ...options }, handler);
  onTestFinished(() => connection.terminate());
  return { connection, recorder };
}

/** A connection over `socket` that reads. */
export function openConnection(socket: Duplex, opening: Opening = {}): Opened {
  const opened = makeConnection(socket, opening);
  opened.connection.start(opening.head);
  return opened;
}
