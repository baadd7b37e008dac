import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { spawnOnCore } from './processes.mjs';
import { temporaryFolder } from './temporary.mjs';

/** How long a broker may take until it can be connected to, in milliseconds. */
const READY_WITHIN = 10_000;

/** The servers that carry messages between processes, with their arguments: nothing is kept on disk. */
const ARGUMENTS = {
  'redis-server': (port, folder) => ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', folder],
  'nats-server': (port) => ['--addr', '127.0.0.1', '--port', port],
};

/** Starts `redis-server` or `nats-server` on one core, at a free port of the loopback: `{ port, pid, end }`. */
export async function startBroker(command, core) {
  const port = await freePort();
  const child = spawnOnCore(core, command, ARGUMENTS[command](port, temporaryFolder('broker-')));
  child.stdout.resume();
  const deadline = Date.now() + READY_WITHIN;
  while (!(await listens(port))) {
    if (child.exitCode !== null) throw new Error(`${command}: ${child.complaints.trim() || `exit ${child.exitCode}`}`);
    if (Date.now() > deadline) throw new Error(`${command} does not listen`);
    await setTimeout(10);
  }
  return { port, pid: child.pid, end: () => endOf(child) };
}

async function endOf(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function freePort() {
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
