// Whether this generator and another, written by somebody else, measure the same: node bench/load/compare.mjs OTHER [ROUNDS] [MODE]
// OTHER is a program that takes, and answers with one line of JSON to,
//   echo PORT CONNECTIONS DEPTH SIZE SECONDS         -> msgs_s
//   fan PORT CONNECTIONS SIZE SECONDS IN_FLIGHT      -> deliveries_s
//   idle PORT CONNECTIONS PID                        -> bytes_per_conn
//   conn PORT SECONDS PARALLEL                       -> handshakes_s
// Both are put to the same servers in turn, the server on one core and the generator on another. Where the two differ, the slower
// one may have been what was measured: the share of its core that this generator used tells about itself.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const [other, roundsWord = '5', onlyMode] = process.argv.slice(2);
const ROUNDS = Number(roundsWord);
const SECONDS = 1;
const PARALLEL = 32;
const TOLERANCE = 0.15;
const [SERVER_CORE, LOAD_CORE] = ['0', '1'];
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const SHAPES = {
  echo: ([connections, depth, size]) => ({
    ours: ['--connections', connections, '--depth', depth, '--size', size, '--seconds', SECONDS],
    theirs: (port) => ['echo', port, connections, depth, size, SECONDS],
    result: ['messagesPerSecond', 'msgs_s'],
  }),
  fanout: ([connections, inFlight, size]) => ({
    ours: ['--connections', connections, '--in-flight', inFlight, '--size', size, '--seconds', SECONDS],
    theirs: (port) => ['fan', port, connections, size, SECONDS, inFlight],
    result: ['deliveriesPerSecond', 'deliveries_s'],
  }),
  handshakes: () => ({
    ours: ['--parallel', PARALLEL, '--seconds', SECONDS],
    theirs: (port) => ['conn', port, SECONDS, PARALLEL],
    result: ['handshakesPerSecond', 'handshakes_s'],
  }),
  idle: ([connections]) => ({
    ours: ['--connections', connections],
    theirs: (port, pid) => ['idle', port, connections, pid],
    result: ['bytesPerConnection', 'bytes_per_conn'],
    rounds: Math.min(ROUNDS, 3),
    // Memory that a server was given once it keeps.
    needsNewServer: true,
  }),
};

const ROWS = [
  ['echo', [64, 1, 64], ['ws', 'uws', 'wasock']],
  ['echo', [64, 16, 64], ['ws', 'uws', 'wasock']],
  ['echo', [64, 16, 1024], ['ws', 'uws', 'wasock']],
  ['echo', [16, 4, 16_384], ['ws', 'uws', 'wasock']],
  ['fanout', [1000, 16, 64], ['ws', 'uws']],
  ['fanout', [1000, 1, 64], ['ws', 'uws']],
  ['handshakes', [], ['ws', 'uws', 'wasock']],
  ['idle', [10_000], ['ws', 'uws', 'wasock']],
];

const load = join(mkdtempSync(join(tmpdir(), 'load-')), 'load');
execFileSync('make', ['-s', '-C', here('.'), `OUT=${load}`]);

async function start(name, mode) {
  const words = ['-c', SERVER_CORE, process.execPath, here('./compare-servers.mjs'), name];
  if (mode === 'fanout') words.push(mode);
  const child = spawn('taskset', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface(child.stdout), 'line');
  return { child, port: JSON.parse(line).port };
}

async function stop({ child }) {
  child.kill();
  await once(child, 'close');
}

function run(program, words) {
  return JSON.parse(execFileSync('taskset', ['-c', LOAD_CORE, program, ...words.map(String)], { encoding: 'utf8' }));
}

/** What one generator finds, and for ours the share of its core. */
function measure(whose, mode, { ours, theirs, result }, { port, child: { pid } }) {
  if (whose === 'theirs') return { value: run(other, theirs(port, pid))[result[1]] };
  const found = run(load, [mode, port, ...ours, '--pid', pid]);
  return { value: found[result[0]], share: found.loadCpuSeconds / found.seconds };
}

/** All rounds of one row with one server, the generators in turn. */
async function compare(mode, numbers, name) {
  const shape = SHAPES[mode](numbers);
  const found = { ours: [], theirs: [] };
  let server = await start(name, mode);
  // What a server's first second costs is nobody's rate.
  if (!shape.needsNewServer) measure('ours', mode, shape, server);
  for (let round = 0; round < (shape.rounds ?? ROUNDS); round++) {
    for (const whose of round % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours']) {
      found[whose].push(measure(whose, mode, shape, server));
      if (!shape.needsNewServer) continue;
      await stop(server);
      server = await start(name, mode);
    }
  }
  await stop(server);
  return found;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function describe(mode, numbers, server, { ours, theirs }) {
  const ratio = median(ours.map(({ value }, round) => value / theirs[round].value));
  const share = median(ours.map(({ share }) => share));
  return {
    row: [mode, numbers.join(' x ')].join(' '),
    server,
    ours: median(ours.map(({ value }) => value)),
    theirs: median(theirs.map(({ value }) => value)),
    ratio: ratio.toFixed(2),
    'within 15 %': Math.abs(ratio - 1) <= TOLERANCE ? 'yes' : 'no',
    'our core': Number.isNaN(share) ? '' : `${Math.round(100 * share)} %`,
  };
}

const table = [];
for (const [mode, numbers, names] of ROWS.filter(([mode]) => !onlyMode || mode === onlyMode)) {
  for (const name of names) {
    table.push(describe(mode, numbers, name, await compare(mode, numbers, name)));
    process.stderr.write('.');
  }
}
process.stderr.write('\n');
console.table(table);
