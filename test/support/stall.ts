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

/** Accepts on a free port, which it tells; tells `'asked'` for a request, and answers it with 101 after 100 ms. */
const ANSWERING = `
  const { createHash } = require('node:crypto');
  const { createServer } = require(data.tls ? 'node:tls' : 'node:net');
  const server = createServer(data.tls ?? {}, (socket) => {
    socket.on('error', () => {});
    socket.once('data', (request) => {
      const key = /sec-websocket-key: (.*)\\r/i.exec(request.toString('latin1'))[1];
      const accept = createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
      tell('asked');
      setTimeout(() => socket.write(
        'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
        'Sec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n'), 100);
    });
  });
  server.listen(0, 'localhost', () => tell(server.address().port));
`;

export function answeringThread(tls?: { cert: string; key: string }): PeerThread {
  return new PeerThread(ANSWERING, { tls });
}
