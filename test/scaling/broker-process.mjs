import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A port of the loopback that nobody uses now. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function listens(port) {
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

const COMMANDS = {
  redis: (port, folder) => [
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
  ],
  nats: (port) => ['nats-server', ['-a', '127.0.0.1', '-p', String(port)]],
};

/** A broker in a process of its own, on the loopback, with its files in a folder that goes with it. */
export class BrokerProcess {
  #kind;
  #folder = mkdtempSync(path.join(os.tmpdir(), 'wasock-broker-'));
  #process = null;
  port;

  /** @param kind `redis` or `nats` */
  constructor(kind, port) {
    this.#kind = kind;
    this.port = port;
  }

  /** Starts it. Resolves when it takes connections. */
  async start() {
    const [command, args] = COMMANDS[this.#kind](this.port, this.#folder);
    const child = spawn(command, args, { stdio: 'ignore' });
    this.#process = child;
    while (!(await listens(this.port))) {
      if (child.exitCode !== null) throw new Error(`${command} has ended with ${child.exitCode}`);
      await sleep(10);
    }
  }

  signal(signal) {
    this.#process?.kill(signal);
  }

  async stop() {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async dispose() {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
