import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** How long a process may take to say that it is ready, in milliseconds. */
const READY_WITHIN = 15_000;

const FAILS_AFTER = 500;

const running = new Set();

/** Ends what still runs, for whatever reason the bench ends. */
export function endProcesses() {
  for (const child of running) child.kill('SIGKILL');
}

/** Spawns a command on one core. What it writes to stderr is kept in `child.complaints`. */
export function spawnOnCore(core, command, args, environment = {}) {
  const child = spawn('taskset', ['-c', core, command, ...args].map(String), {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  running.add(child);
  child.complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    child.complaints += text;
  });
  child.once('exit', () => running.delete(child));
  return child;
}

/** The lines of a child's output, one at a time; a child that ends instead rejects with its complaints. */
export function linesOf(child) {
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return async function nextLine() {
    const { value, done } = await lines.next();
    if (!done) return value;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
    const end = child.signalCode ?? `exit code ${child.exitCode}`;
    throw new Error(child.complaints.trim() || `ended without a result (${end})`);
  };
}

/**
 * Starts a script of this folder on one core.
 *
 * @param command the runtime and its arguments, such as `['node']`
 * @returns what the script announces (`servers/announce.mjs`), `end()`, and the promises `ended` and `failed`; the latter rejects
 *   if the script ends with an error of its own
 */
export async function startScript(core, [program, ...args], path, setup = {}, environment = {}) {
  const script = fileURLToPath(new URL(path, import.meta.url));
  const child = spawnOnCore(core, program, [...args, script, JSON.stringify(setup)], environment);
  const ended = once(child, 'exit');
  const slow = setTimeout(() => child.kill('SIGKILL'), READY_WITHIN);
  try {
    const announced = JSON.parse(await linesOf(child)());
    return { ...announced, ended, failed: failureOf(child, ended), end: () => end(child) };
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${path}: ${error.message}`);
  } finally {
    clearTimeout(slow);
  }
}

/** Never resolves. Rejects late, so that whatever else was about to arrive comes first. */
function failureOf(child, ended) {
  const failed = new Promise((_, reject) => {
    ended.then(([code]) => {
      if (code) setTimeout(() => reject(new Error(child.complaints.trim() || `exit code ${code}`)), FAILS_AFTER);
    });
  });
  // Not everybody waits for it.
  failed.catch(() => {});
  return failed;
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
