import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** What a client sends: a command and its arguments, each a bulk string. */
type Command = readonly Buffer[];

/** Takes the commands off the front of what has come. */
function takeCommands(bytes: Buffer): { commands: Command[]; rest: Buffer } {
  const commands: Command[] = [];
  for (let at = 0; ; ) {
    const parts: Buffer[] = [];
    let next = at;
    /** The number in the line at `next`, after its first character; NaN if the line is not whole. */
    const takeNumber = () => {
      const end = bytes.indexOf('\r\n', next);
      if (end < 0) return Number.NaN;
      const number = Number(bytes.toString('latin1', next + 1, end));
      next = end + 2;
      return number;
    };
    const count = takeNumber();
    while (parts.length < count) {
      const length = takeNumber();
      if (!(next + length + 2 <= bytes.length)) break;
      parts.push(bytes.subarray(next, next + length));
      next += length + 2;
    }
    if (parts.length !== count) return { commands, rest: bytes.subarray(at) };
    commands.push(parts);
    at = next;
  }
}

const bulk = (value: string | Buffer) =>
  Buffer.concat([Buffer.from(`$${Buffer.byteLength(value)}\r\n`), Buffer.from(value as string), Buffer.from('\r\n')]);

/** One client of the server. */
export class RespConnection {
  readonly socket: Socket;
  readonly channels = new Set<string>();
  protocol = 2;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Writes what is about a channel: a push, of the kind that the client has asked for. */
  push(kind: string, channel: string, value: number | Buffer): void {
    const last = typeof value === 'number' ? Buffer.from(`:${value}\r\n`) : bulk(value);
    const start = Buffer.from(this.protocol === 3 ? '>3\r\n' : '*3\r\n');
    this.socket.write(Buffer.concat([start, bulk(kind), bulk(channel), last]));
  }
}

/**
 * As much of a Redis server as pub/sub needs, and besides a Redis Cluster of one node. It does on demand what a real one does
 * at times that cannot be chosen.
 */
export class RespServer {
  readonly #connections = new Set<RespConnection>();
  #heldNames: RegExp | null = null;
  /** What answers the commands that were held, or refuses them. */
  #held: ((error?: string) => void)[] = [];
  port = 0;

  async start(): Promise<this> {
    const server = createServer((socket) => this.#accept(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    onTestFinished(() => {
      server.close();
      for (const { socket } of this.#connections) socket.destroy();
    });
    return this;
  }

  get connections(): readonly RespConnection[] {
    return [...this.#connections];
  }

  subscribersOf(channel: string): RespConnection[] {
    return this.connections.filter(({ channels }) => channels.has(channel));
  }

  /** Answers no commands of these names, until `release`. */
  hold(names: RegExp): void {
    this.#heldNames = names;
  }

  /** How many commands wait for an answer. */
  get held(): number {
    return this.#held.length;
  }

  /** Answers what was held, or refuses it, and answers all that comes. */
  release(error?: string): void {
    this.#heldNames = null;
    this.answer(this.held, error);
  }

  /** Answers the first of what is held. */
  answer(count: number, error?: string): void {
    for (const answer of this.#held.splice(0, count)) answer(error);
  }

  /** Ends the subscriptions to a channel, as when its slot goes to another node. */
  move(channel: string): void {
    for (const connection of this.subscribersOf(channel)) {
      connection.channels.delete(channel);
      connection.push('sunsubscribe', channel, connection.channels.size);
    }
  }

  /** @returns how many it was sent to */
  publish(channel: string, payload: Buffer, kind = 'smessage'): number {
    const subscribers = this.subscribersOf(channel);
    for (const subscriber of subscribers) subscriber.push(kind, channel, payload);
    return subscribers.length;
  }

  #accept(socket: Socket): void {
    const connection = new RespConnection(socket);
    this.#connections.add(connection);
    let received: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      const { commands, rest } = takeCommands(Buffer.concat([received, chunk]));
      received = rest;
      for (const command of commands) this.#take(connection, command);
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#connections.delete(connection));
  }

  #take(connection: RespConnection, [first, ...args]: Command): void {
    const name = first.toString().toUpperCase();
    const answer = (error?: string) => {
      if (error === undefined) this.#answer(connection, name, args);
      else connection.socket.write(`-${error}\r\n`);
    };
    if (this.#heldNames?.test(name)) this.#held.push(answer);
    else answer();
  }

  #answer(connection: RespConnection, name: string, args: Command): void {
    const { socket } = connection;
    if (name === 'HELLO') {
      connection.protocol = Number(args[0]);
      socket.write(Buffer.concat([Buffer.from('%1\r\n'), bulk('proto'), Buffer.from(`:${args[0]}\r\n`)]));
    } else if (name === 'CLUSTER') {
      const node = [Buffer.from('*3\r\n'), bulk('127.0.0.1'), Buffer.from(`:${this.port}\r\n`), bulk('0'.repeat(40))];
      socket.write(Buffer.concat([Buffer.from('*1\r\n*3\r\n:0\r\n:16383\r\n'), ...node]));
    } else if (/^S?(UN)?SUBSCRIBE$/.test(name)) this.#changeChannels(connection, name.toLowerCase(), args);
    else if (/^S?PUBLISH$/.test(name)) {
      const kind = name === 'SPUBLISH' ? 'smessage' : 'message';
      socket.write(`:${this.publish(String(args[0]), args[1], kind)}\r\n`);
    } else if (name === 'CLIENT') socket.write('+OK\r\n');
    else socket.write(`-ERR unknown command ${name}\r\n`);
  }

  #changeChannels(connection: RespConnection, kind: string, args: Command): void {
    for (const channel of args.map(String)) {
      if (kind.includes('un')) connection.channels.delete(channel);
      else connection.channels.add(channel);
      connection.push(kind, channel, connection.channels.size);
    }
  }
}
