import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A client that shares no code with ours, npm `ws`, with its messages to be awaited. */
export class WsClient {
  readonly ws: WebSocket;
  readonly closed: Promise<Closed>;
  readonly #messages: (string | Buffer)[] = [];
  #wake: () => void = () => {};

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data: Buffer, isBinary) => {
      this.#messages.push(isBinary ? data : data.toString());
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      ws.once('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#wake();
      });
    });
  }

  /** The next message: Text as a string. Rejects if none comes any more. */
  async next(): Promise<string | Buffer> {
    while (this.#messages.length === 0) {
      if (this.ws.readyState === WebSocket.CLOSED) throw new Error('Closed, without another message');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#messages.shift() as string | Buffer;
  }
}

/** Connects with npm `ws`; the connection ends with the test. */
export async function connectWs(url: string, protocols: string[] = [], options: ClientOptions = {}): Promise<WsClient> {
  const ws = new WebSocket(url, protocols, options);
  const client = new WsClient(ws);
  onTestFinished(() => ws.terminate());
  await once(ws, 'open');
  return client;
}

/** Connects as soon as there is a server. */
export async function connectWhenUp(url: string, options: ClientOptions = {}): Promise<WsClient> {
  for (;;) {
    try {
      return await connectWs(url, [], options);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ECONNREFUSED') throw error;
      await sleep(20);
    }
  }
}
