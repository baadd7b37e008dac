import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** The key of RFC 6455 §1.3, and the answer to it. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** The other end of a connection, which sees and sends octets and knows nothing of the code under test. */
export class RawPeer {
  readonly socket: net.Socket;
  /** What came and was not taken yet. */
  received: Buffer = Buffer.alloc(0);
  /** Whether the other end has sent FIN, or the connection has broken. */
  ended = false;
  #reading = true;
  #onChange: () => void = () => {};

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#onChange();
    });
    const onEnd = () => {
      this.ended = true;
      this.#onChange();
    };
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('error', () => {});
    onTestFinished(() => {
      socket.destroy();
    });
  }

  write(octets: string | Uint8Array): void {
    this.socket.write(octets as string, 'latin1');
  }

  /** Exactly the next `length` octets. */
  async take(length: number): Promise<Buffer> {
    await this.#until(() => this.received.length >= length);
    if (this.received.length < length) throw new Error(`Ended after ${this.received.toString('latin1')}`);
    return this.#cut(length);
  }

  /** Everything up to and with the empty line behind an HTTP head. */
  async takeHead(): Promise<string> {
    await this.#until(() => this.received.includes('\r\n\r\n'));
    const end = this.received.indexOf('\r\n\r\n');
    if (end === -1) throw new Error(`Ended after ${JSON.stringify(this.received.toString('latin1'))}`);
    return this.#cut(end + 4).toString('latin1');
  }

  /** All that comes until the other end has sent FIN, or the connection has broken. */
  async takeAll(): Promise<Buffer> {
    await this.#until(() => false);
    return this.#cut(this.received.length);
  }

  /** Reads no more, so that the other end's octets pile up in the kernel. */
  stopReading(): void {
    this.#reading = false;
    this.socket.pause();
  }

  readOn(): void {
    this.#reading = true;
    this.socket.resume();
  }

  get isReading(): boolean {
    return this.#reading;
  }

  /** Ends the connection with RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.ended) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
  }

  #cut(length: number): Buffer {
    const octets = this.received.subarray(0, length);
    this.received = this.received.subarray(length);
    return octets;
  }
}

export async function rawClient(port: number): Promise<RawPeer> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  return new RawPeer(socket);
}

export type Fields = Record<string, string | readonly string[] | undefined>;

/** The octets of a request: a good upgrade with some header fields changed, repeated (an array) or left out (undefined). */
export function requestText(changes: Fields = {}, requestLine = 'GET /ws HTTP/1.1'): string {
  const fields: Fields = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    ...changes,
  };
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    [value ?? []].flat().map((line) => `${name}: ${line}\r\n`),
  );
  return `${requestLine}\r\n${lines.join('')}\r\n`;
}

/** Connects and upgrades. */
export async function rawWebSocket(port: number, changes: Fields = {}, path = '/ws'): Promise<RawPeer> {
  const peer = await rawClient(port);
  peer.write(requestText(changes, `GET ${path} HTTP/1.1`));
  const head = await peer.takeHead();
  if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(head);
  return peer;
}

/** What a server answered to these octets, up to the end of the connection. */
export async function rawAnswer(port: number, octets: string | Uint8Array): Promise<string> {
  const peer = await rawClient(port);
  peer.write(octets);
  return (await peer.takeAll()).toString('latin1');
}

/** A server that only accepts connections. */
export class RawServer {
  readonly #server: net.Server;
  readonly #peers: RawPeer[] = [];
  #onPeer: () => void = () => {};

  private constructor(server: net.Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#peers.push(new RawPeer(socket));
      this.#onPeer();
    });
  }

  static async listen(): Promise<RawServer> {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
    });
    return new RawServer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  /** The next connection. */
  async peer(): Promise<RawPeer> {
    while (this.#peers.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onPeer = resolve;
      });
    }
    return this.#peers.shift() as RawPeer;
  }

  /** The next connection, its request read and answered with 101. `behind` goes out in one piece with the 101. */
  async accept(extraLines = '', behind: Uint8Array = Buffer.alloc(0)): Promise<{ peer: RawPeer; request: string }> {
    const peer = await this.peer();
    const request = await peer.takeHead();
    peer.write(Buffer.concat([Buffer.from(acceptance(request, extraLines)), behind]));
    return { peer, request };
  }

  /** The next connection, its request read and answered with `answer`. */
  async answer(answer: string): Promise<{ peer: RawPeer; request: string }> {
    const peer = await this.peer();
    const request = await peer.takeHead();
    peer.write(answer);
    return { peer, request };
  }
}

/** A right 101 to this request. */
export function acceptance(request: string, extraLines = ''): string {
  const key = /^Sec-WebSocket-Key: (.*)\r$/im.exec(request)?.[1] ?? '';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${extraLines}\r\n`;
}
