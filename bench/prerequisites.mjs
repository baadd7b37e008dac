import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** What keeps the bench from running here, each with what to do about it; none is good. */
export function missingPrerequisites({ serverCore, loadCore }) {
  const missing = [];
  if (!existsSync(here('../build/index.mjs'))) missing.push('wasock is not built: npm run build');
  if (!['ws', 'bufferutil', 'vega', 'socket.io'].every((name) => existsSync(here(`./node_modules/${name}`)))) {
    missing.push('what wasock is compared with is not installed: (cd bench && npm ci)');
  }
  if (process.platform !== 'linux') missing.push('the load uses epoll and /proc: it needs Linux');
  if (!runs('taskset')) missing.push('taskset, which pins processes to cores, is missing: it is part of util-linux');
  if (!runs('cc'))
    missing.push('a C compiler (cc), for the load, is missing: apt-get install gcc libc6-dev, or the like');
  const cores = cpus().length;
  if (Math.max(serverCore, loadCore) >= cores) missing.push(`this machine has ${cores} core(s); --cores takes others`);
  return missing;
}

/** What is said where the load could not be built with TLS. */
export const NO_TLS = "OpenSSL's headers are missing (apt-get install libssl-dev, or the like)";

/** What is said where the load could not be built with compression. */
export const NO_ZLIB = "zlib's headers are missing (apt-get install zlib1g-dev, or the like)";

/** The brokers that some contestants need and that are not installed. */
export function missingBrokers() {
  return ['redis-server', 'nats-server'].filter((command) => !runs(command));
}

/** What is said where a broker is missing. */
export function noBroker(command) {
  return `${command} is missing (apt-get install ${command}, or the like)`;
}

function runs(command) {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
