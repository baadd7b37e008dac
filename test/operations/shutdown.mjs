// Measures how examples/shutdown.mjs ends with many sockets, of which a tenth is mute, and fails if it does not end as it
// promises:
//
//   node test/operations/shutdown.mjs [--connections 10000] [--drain 5000] [--deadline 8000] [--untimed]
//
// With `--untimed` it asks what happens, and not when. The server needs a descriptor for each connection; where it may not have as
// many, there are fewer connections, and the figures say so.
import { fork, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: args } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    drain: { type: 'string', default: '5000' },
    deadline: { type: 'string', default: '8000' },
    untimed: { type: 'boolean', default: false },
  },
});

/** Milliseconds after the deadline at which the process must be gone. */
const GRACE = 500;
/** A second of the window may have so many times the average. */
const UNEVENNESS = 2;
/** Descriptors that a process needs besides those of its connections. */
const OTHERS = 200;
const CLIENT_PROCESSES = 2;

const drain = Number(args.drain);
const deadline = Number(args.deadline);
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const now = () => performance.timeOrigin + performance.now();

const problems = [];
const expect = (isTrue, problem) => isTrue || problems.push(problem);

/** Node raises its own limit to this one. */
function descriptorLimit() {
  const text = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout.trim();
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}

/** An even number of connections, so that the client processes have the same. */
function connectionCount() {
  const most = Math.min(Number(args.connections), descriptorLimit() - OTHERS);
  return most - (most % CLIENT_PROCESSES);
}

async function startServer() {
  const env = { ...process.env, PORT: '0', DRAIN_MS: args.drain, DEADLINE_MS: args.deadline };
  const child = spawn(process.execPath, [here('../../examples/shutdown.mjs')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal, at: now() })));
  const { value: url } = await lines.next();
  return { child, exit, url, nextLine: () => lines.next() };
}

/** @returns the processes, and what they tell of Closes */
async function startClients(url, count) {
  const closes = [];
  const children = Array.from({ length: CLIENT_PROCESSES }, () =>
    fork(here('clients.mjs'), [url, String(count / CLIENT_PROCESSES)]),
  );
  const connected = children.map(
    (child) =>
      new Promise((resolve, reject) => {
        child.on('message', (message) => (message.connected ? resolve() : closes.push(message)));
        child.once('exit', (code) => reject(new Error(`A process of clients has ended with ${code}`)));
      }),
  );
  await Promise.all(connected);
  const end = () => {
    for (const child of children) child.removeAllListeners('exit').kill();
  };
  return { closes, end };
}

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** @returns the status, and Retry-After; `refused` once nobody listens */
async function ask(url, headers = {}) {
  const { get } = await import('node:http');
  return new Promise((resolve) => {
    const request = get(url, { headers, agent: false }, (response) => {
      response.resume();
      resolve({ status: response.statusCode, retryAfter: response.headers['retry-after'] });
    });
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      resolve({ status: 101 });
    });
    request.on('error', () => resolve({ status: 'refused' }));
  });
}

/** Asks both until nobody listens any more. @returns what they were told */
async function watch(url) {
  const health = new URL('/healthz', url.replace('ws', 'http'));
  const told = { health: [], upgrades: [] };
  for (;;) {
    const [check, upgrade] = await Promise.all([ask(health), ask(url.replace('ws', 'http'), UPGRADE)]);
    if (check.status === 'refused' || upgrade.status === 'refused') return told;
    told.health.push(check);
    told.upgrades.push(upgrade);
    await sleep(100);
  }
}

/** How many Closes came in each second. */
function bySecond(closes, from) {
  const counts = new Array(Math.ceil(drain / 1000)).fill(0);
  for (const { at } of closes) counts[Math.min(counts.length - 1, Math.floor((at - from) / 1000))]++;
  return counts;
}

const count = connectionCount();
const { child, exit, url, nextLine } = await startServer();
const connecting = now();
const clients = await startClients(url, count);
const mute = CLIENT_PROCESSES * Math.floor(count / CLIENT_PROCESSES / 10);
console.log(`shutdown: ${count} connections, ${mute} of them mute, in ${Math.round(now() - connecting)} ms`);
console.log(`shutdown: ${descriptorLimit()} descriptors for each process, Node ${process.version}`);
expect(
  (await ask(new URL('/healthz', url.replace('ws', 'http')))).status === 200,
  'The health check was not 200 before',
);

const signalled = now();
child.kill('SIGTERM');
await nextLine();
const told = await watch(url);
const { code, signal, at } = await exit;
// What the server has sent is here or under way.
await sleep(200);
clients.end();

const { closes } = clients;
const seconds = bySecond(closes, signalled);
const average = closes.length / (drain / 1000);
const most = Math.max(...seconds);
const took = Math.round(at - signalled);
console.log(`shutdown: Closes by second ${seconds.join(' ')}, ${average.toFixed(0)} on average`);
console.log(`shutdown: exit code ${code} after ${took} ms; window ${drain} ms, deadline ${deadline} ms`);
console.log(
  `shutdown: ${told.health.length} health checks and ${told.upgrades.length} upgrades were refused meanwhile`,
);

const restarts = closes.filter(({ closed }) => closed === 1012).length;
expect(code === 0, `It ended with ${signal ?? code}`);
expect(restarts === count - mute, `${restarts} of ${count - mute} clients were told 1012`);
expect(told.health.length > 0, 'No health check was answered meanwhile');
expect(
  told.health.every(({ status }) => status === 503),
  'A health check was not 503',
);
expect(
  told.upgrades.every(({ status, retryAfter }) => status === 503 && Number(retryAfter) > 0),
  'An upgrade was not refused with 503 and Retry-After',
);
if (!args.untimed) {
  expect(took <= deadline + GRACE, `It ended ${took - deadline} ms after the deadline`);
  expect(most <= UNEVENNESS * average, `${most} Closes in one second`);
}
for (const problem of problems) console.error(`shutdown: ${problem}`);
console.log(`shutdown: ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
