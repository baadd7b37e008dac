import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { linesOf, spawnOnCore } from './processes.mjs';
import { temporaryFile } from './temporary.mjs';

const SOURCES = fileURLToPath(new URL('./load', import.meta.url));

/** Compiles the load generator. `hasTls` is false where OpenSSL's headers are missing. */
export async function buildGenerator() {
  const program = temporaryFile('load');
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
  const compile = (...more) => promisify(execFile)('cc', ['-O2', ...sources, '-o', program, ...more], { cwd: SOURCES });
  try {
    await compile('-DWITH_TLS', '-lssl', '-lcrypto');
    return { program, hasTls: true };
  } catch {
    await compile();
    return { program, hasTls: false };
  }
}

/** The load generator on a core of its own: `load/main.c` says what its modes and flags are. */
export class Generator {
  #program;
  #core;

  constructor(program, core) {
    this.#program = program;
    this.#core = core;
  }

  /** Runs one mode against a port: `run('echo', port, { connections: 64 }, ['--tls'])`. */
  async run(mode, port, options, flags = []) {
    return JSON.parse(await this.#start([mode, port, ...words(options), ...flags])());
  }

  /** Starts its server for a client under test: `{ port, result }`, the latter a promise. */
  async sink(options) {
    const nextLine = this.#start(['sink', ...words(options)]);
    const { port } = JSON.parse(await nextLine());
    const result = nextLine().then(JSON.parse);
    // Reported by whoever awaits it, which may be after the client has failed.
    result.catch(() => {});
    return { port, result };
  }

  #start(args) {
    return linesOf(spawnOnCore(this.#core, this.#program, args));
  }
}

function words(options) {
  return Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, value],
  );
}
