import { fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';

const fileOf = (name) => fileURLToPath(new URL(name, import.meta.url));

/** A server process, started by this one or by the primary process of a cluster. */
export class ServerProcess extends EventEmitter {
  port = 0;
  isUp = false;
  isAlive = true;
  pid = 0;
  /** What its broker has told: topics of holes, `null` for all. */
  gaps = [];
  dropped = 0;
  errors = [];

  /** Takes what the process says. */
  hear(said) {
    if (said.up !== undefined) this.isUp = said.up;
    if (said.gap) this.gaps.push(said.gap.topic);
    if (said.dropped !== undefined) this.dropped++;
    if (said.error) this.errors.push(said.error);
    if (said.port) this.port = said.port;
    this.emit('said', said);
  }

  onExit() {
    this.isAlive = false;
    this.emit('exit');
  }

  kill(signal) {
    try {
      process.kill(this.pid, signal);
    } catch {
      // It has ended.
    }
  }

  async report() {
    this.tell({ report: true });
    for (;;) {
      const [{ report }] = await once(this, 'said');
      if (report) return report;
    }
  }
}

/** Starts the processes of one schedule, and ends them. */
export class Fleet {
  #kind;
  #port;
  #build;
  #primary = null;
  #processes = [];

  constructor(kind, port, build) {
    this.#kind = kind;
    this.#port = port;
    this.#build = build;
    if (kind !== 'cluster') return;
    this.#primary = fork(fileOf('primary.mjs'), [build], { stdio: 'inherit' });
    this.#primary.on('message', ({ from, said, pid, exited }) => {
      const server = this.#processes[from];
      if (pid) server.pid = pid;
      if (said) server.hear(said);
      if (exited) server.onExit();
    });
  }

  /** Starts one more. Resolves when it listens, and its broker is there. */
  async start() {
    const server = new ServerProcess();
    const to = this.#processes.push(server) - 1;
    if (this.#primary !== null) {
      server.tell = (message) => this.#primary.send({ to, message });
      this.#primary.send({ to, start: true });
    } else {
      const child = fork(fileOf('server.mjs'), [this.#kind, String(this.#port), this.#build], { stdio: 'inherit' });
      server.pid = child.pid;
      child.on('message', (said) => server.hear(said));
      child.on('exit', () => server.onExit());
      server.tell = (message) => child.connected && child.send(message);
    }
    while (server.port === 0 || !server.isUp) {
      if (!server.isAlive) throw new Error('A server process has ended at its start');
      await Promise.race([once(server, 'said'), once(server, 'exit')]);
    }
    return server;
  }

  async stop() {
    for (const server of this.#processes) server.kill('SIGKILL');
    for (const server of this.#processes) if (server.isAlive && server.pid) await once(server, 'exit');
    this.#primary?.disconnect();
  }
}
