import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Peer } from './peers.js';

function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 15_000 }).status === 0;
}

function brokerPeer(name: string, command: string): Peer {
  const missing = runs(command, '--version') ? undefined : `no ${command}`;
  return { name, command, args: [], missing };
}

/** redis-server, of the package of that name. */
export const redisServer = (): Peer => brokerPeer('redis-server', 'redis-server');
/** nats-server, of the package of that name. */
export const natsServer = (): Peer => brokerPeer('nats-server', 'nats-server');

/** A port of the loopback that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A broker in a process of its own, on the loopback, with its files in a folder that goes with it. */
export class BrokerServer {
  readonly #command: string;
  readonly #args: (port: number, folder: string) => string[];
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), 'wasock-broker-'));
  readonly port: number;
  #process: ChildProcess | null = null;

  constructor(command: string, port: number, args: (port: number, folder: string) => string[]) {
    this.#command = command;
    this.port = port;
    this.#args = args;
  }

  /** Starts it. Resolves when it takes connections. */
  async start(): Promise<this> {
    const child = spawn(this.#command, this.#args(this.port, this.#folder), { stdio: 'ignore' });
    this.#process = child;
    while (!(await listens(this.port))) {
      if (child.exitCode !== null) throw new Error(`${this.#command} has ended with ${child.exitCode}`);
      await sleep(10);
    }
    return this;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Stops it, as a debugger does. Resolves when it does nothing any more. */
  async pause(): Promise<void> {
    this.signal('SIGSTOP');
    const state = () => readFileSync(`/proc/${this.#process!.pid}/stat`, 'utf8').split(') ')[1][0];
    while (process.platform === 'linux' && state() !== 'T') await sleep(2);
  }

  /** Ends it at once. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A Redis server without persistence, not started. @param more arguments */
export async function newRedis(...more: string[]): Promise<BrokerServer> {
  const args = (port: number, folder: string) => [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
    ...more,
  ];
  return new BrokerServer('redis-server', await freePort(), args);
}

/** A NATS server, not started. @param more arguments */
export async function newNats(...more: string[]): Promise<BrokerServer> {
  const args = (port: number) => ['-a', '127.0.0.1', '-p', String(port), ...more];
  return new BrokerServer('nats-server', await freePort(), args);
}

/** Starts a server that goes with the test. */
export async function startRedis(...more: string[]): Promise<BrokerServer> {
  const server = await newRedis(...more);
  onTestFinished(() => server.dispose());
  return server.start();
}

/** Starts a server that goes with the test. */
export async function startNats(...more: string[]): Promise<BrokerServer> {
  const server = await newNats(...more);
  onTestFinished(() => server.dispose());
  return server.start();
}
