import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { linesOf, spawnOnCore } from './processes.mjs';
import { temporaryFile } from './temporary.mjs';

const SOURCES = fileURLToPath(new URL('./load', import.meta.url));

const TLS = ['-DWITH_TLS', '-lssl', '-lcrypto'];
const ZLIB = ['-DWITH_ZLIB', '-lz'];

/** Compiles the load generator. `hasTls` and `hasZlib` are false if the headers of OpenSSL or zlib are missing. */
export async function buildGenerator() {
  const program = temporaryFile('load');
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
  const compile = (...more) => promisify(execFile)('cc', ['-O2', ...sources, '-o', program, ...more], { cwd: SOURCES });
  for (const flags of [[...TLS, ...ZLIB], TLS, ZLIB]) {
    try {
      await compile(...flags);
      return { program, hasTls: flags.includes('-lssl'), hasZlib: flags.includes('-lz') };
    } catch {
      // One of the two is missing: fewer flags do without it.
    }
  }
  await compile();
  return { program, hasTls: false, hasZlib: false };
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

  /** Starts its server for a client under test, `sink` or another mode: `{ port, result }`, the latter a promise. */
  async sink(options, mode = 'sink') {
    const nextLine = this.#start([mode, ...words(options)]);
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
