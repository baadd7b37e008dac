'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { connect, createServer } = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

/** A port of the loopback that nobody uses now. @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** @param {number} port */
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

/** A broker in a process of its own, on the loopback, with its files in a folder that goes with it. */
class BrokerServer {
  #command;
  #args;
  #folder = mkdtempSync(path.join(os.tmpdir(), 'wasock-broker-'));
  /** @type {import('node:child_process').ChildProcess | null} */
  #process = null;
  port;

  /**
   * @param {string} command
   * @param {number} port
   * @param {(port: number, folder: string) => string[]} args
   */
  constructor(command, port, args) {
    this.#command = command;
    this.port = port;
    this.#args = args;
  }

  /** Starts it. Resolves when it takes connections. */
  async start() {
    const child = spawn(this.#command, this.#args(this.port, this.#folder), { stdio: 'ignore' });
    this.#process = child;
    while (!(await listens(this.port))) {
      if (child.exitCode !== null) throw new Error(`${this.#command} has ended with ${child.exitCode}`);
      await sleep(10);
    }
    return this;
  }

  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    this.#process?.kill(signal);
  }

  /** Stops it, as a debugger does. Resolves when it does nothing any more. */
  async pause() {
    this.signal('SIGSTOP');
    const state = () => readFileSync(`/proc/${this.#process?.pid}/stat`, 'utf8').split(') ')[1][0];
    while (process.platform === 'linux' && state() !== 'T') await sleep(2);
  }

  /** Ends it at once. */
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

/** @param {string} command @param {string[]} more arguments */
async function redisLike(command, more) {
  return new BrokerServer(command, await freePort(), (port, folder) => [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
    ...more,
  ]);
}

/** A Redis server without persistence, not started. @param {string[]} more arguments */
const newRedis = (...more) => redisLike('redis-server', more);
/** A Valkey server, in the same way. @param {string[]} more arguments */
const newValkey = (...more) => redisLike('valkey-server', more);

/** A NATS server, not started. @param {string[]} more arguments */
async function newNats(...more) {
  return new BrokerServer('nats-server', await freePort(), (port) => ['-a', '127.0.0.1', '-p', String(port), ...more]);
}

module.exports = { BrokerServer, freePort, newNats, newRedis, newValkey };
