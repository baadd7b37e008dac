// Echo: wasock against npm ws (with bufferutil), each server in a process of its own on one core, the load on another.
//   npm run build && (cd bench && npm ci) && node bench/throughput/echo.mjs [--quick]
// Rounds are interleaved, so that what else the machine does meets both alike; medians and ratios are what counts.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const quick = process.argv.includes('--quick');
const SECONDS = quick ? 1 : 3;
const ROUNDS = quick ? 3 : 7;
const SERVER_CORE = '0';
const LOAD_CORE = '1';
const SERVERS = ['wasock', 'ws'];
/** Connections, messages in flight on each, octets of payload. */
const ROWS = [
  [64, 16, 64],
  [64, 1, 64],
  [64, 16, 1024],
  [16, 4, 16_384],
  [4, 2, 1_048_576],
];

const load = join(mkdtempSync(join(tmpdir(), 'wasock-bench-')), 'echo');
execFileSync('cc', ['-O2', '-o', load, here('../load/echo.c')]);

async function start(name) {
  const args = ['-c', SERVER_CORE, process.execPath, here(`./servers/${name}.mjs`)];
  const child = spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface(child.stdout), 'line');
  return { name, child, ...JSON.parse(line) };
}

function measure(server, [connections, depth, size]) {
  const args = ['-c', LOAD_CORE, load, server.port, connections, depth, size, SECONDS].map(String);
  return JSON.parse(execFileSync('taskset', args, { encoding: 'utf8' }));
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** All rounds of one row: every server once in each, in turn. */
function measureRow(servers, row) {
  const rates = Object.fromEntries(servers.map(({ name }) => [name, []]));
  const ratios = [];
  for (let round = 0; round < ROUNDS; round++) {
    const turn = round % 2 === 0 ? servers : [...servers].reverse();
    for (const server of turn) {
      const { messagesPerSecond, verified } = measure(server, row);
      if (verified === 0) throw new Error(`no reply of ${server.name} was verified`);
      rates[server.name].push(messagesPerSecond);
    }
    ratios.push(rates.wasock.at(-1) / rates.ws.at(-1));
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  return { row: row.join(' x '), rates, ratios };
}

const servers = await Promise.all(SERVERS.map(start));
const results = ROWS.map((row) => measureRow(servers, row));
for (const { child } of servers) child.kill();

console.log(
  `${servers.map(({ about }) => about).join(' against ')}; node ${process.version}; medians of ${ROUNDS} rounds of ${SECONDS} s`,
);
console.table(
  results.map(({ row, rates, ratios }) => ({
    'connections x in flight x octets': row,
    'wasock, messages/s': Math.round(median(rates.wasock)),
    'ws, messages/s': Math.round(median(rates.ws)),
    ratio: median(ratios).toFixed(2),
    'ratio, spread': `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
  })),
);

if (!quick) {
  const machine = { cpu: cpus()[0].model, cores: cpus().length, platform: platform(), arch: arch() };
  const date = new Date().toISOString().slice(0, 10);
  const file = here(`../results/echo-${date}-${platform()}-${arch()}-node${process.versions.node.split('.')[0]}.json`);
  mkdirSync(here('../results'), { recursive: true });
  const about = servers.map(({ about }) => about);
  writeFileSync(
    file,
    `${JSON.stringify({ date, node: process.version, machine, about, SECONDS, results }, null, 2)}\n`,
  );
}
