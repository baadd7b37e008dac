import { CONTESTANTS } from './contestants.mjs';
import { startScript } from './processes.mjs';
import { othersBusy } from './quiet.mjs';
import { hasGoalNearOne, limitsOf, ratiosOf } from './ratios.mjs';

/** The time that a server takes to start, in seconds. */
const STARTS_IN = 0.35;
const WARM_UP = 0.75;
/**
 * After so many rounds the servers of a row are started anew: what V8 makes of the same code differs from start to start, by up
 * to a fifth.
 */
const ROUNDS_OF_A_START = 5;

/** Who takes part in a row of this run. */
function contestantsOf(row, bench) {
  return row.contestants.filter((name) => {
    const { script, broker, isExtra } = CONTESTANTS[name];
    if (script in bench.unavailable || bench.missingBrokers.includes(broker)) return false;
    return bench.among ? bench.among.includes(name) : !(bench.isQuick && isExtra);
  });
}

/** How many rounds a row has in this run. */
function roundsOf(row, bench) {
  const rounds = row.rounds?.(bench.rounds) ?? bench.rounds;
  return hasGoalNearOne(row, contestantsOf(row, bench)) ? Math.max(rounds, bench.roundsNearOne) : rounds;
}

/** How long a row is expected to take, in seconds. */
export function durationOf(row, bench) {
  const timesStarted = row.setup && !row.isFresh ? Math.ceil(roundsOf(row, bench) / ROUNDS_OF_A_START) : 0;
  const starts = timesStarted * contestantsOf(row, bench).length * STARTS_IN;
  const measurements = contestantsOf(row, bench).length * roundsOf(row, bench);
  return starts + calibrationOf(row, bench) + measurements * measurementOf(row, bench);
}

function calibrationOf(row, { seconds }) {
  return row.calibrates?.(seconds) ?? 0;
}

function measurementOf(row, { seconds }) {
  return (row.lasts?.(seconds) ?? seconds + WARM_UP) + (row.setup && row.isFresh ? STARTS_IN : 0);
}

/** Starts the server of a contestant, if the row has servers. */
function startServer(row, name, bench) {
  if (row.setup === null) return undefined;
  const { script, setup } = CONTESTANTS[name];
  const told = { ...row.setup, ...setup, ...(row.isTls && { tls: bench.certificate }) };
  const start = (more) => startContestant(name, `./servers/${script}.mjs`, { ...told, ...more }, bench);
  return row.startServers?.({ start, contestant: CONTESTANTS[name], core: bench.serverCore }) ?? start();
}

/** Starts a script of a contestant, under its runtime. */
function startContestant(name, path, setup, bench) {
  const { runtime, environment } = CONTESTANTS[name];
  return startScript(bench.serverCore, bench.commands[runtime ?? 'node'], path, setup, environment);
}

/** What `measure` of a row gets, and `calibrate`, which comes before the first round. */
function runOf(name, server, bench, { calibration, round } = {}) {
  const contestant = CONTESTANTS[name];
  return {
    name,
    contestant,
    server,
    calibration,
    round,
    isQuick: bench.isQuick,
    load: bench.load,
    seconds: bench.seconds,
    flags: contestant.flags,
    startScript: (path, setup) => startContestant(name, path, setup, bench),
  };
}

/**
 * All rounds of one row: every contestant once in each, in turn, and the other way round in every second one, so that what
 * else the machine does meets all alike.
 */
export async function measureRow(row, bench) {
  const busy = await othersBusy([bench.serverCore, bench.loadCore]);
  const servers = new Map();
  const names = contestantsOf(row, bench);
  const results = new Map(names.map((name) => [name, { about: '', options: {}, figures: {} }]));
  try {
    if (!row.isFresh) await startAll(row, names, servers, bench);
    const calibration = await calibrate(row, servers, bench);
    const rounds = roundsOf(row, bench);
    for (let round = 0; round < rounds; round++) {
      if (!row.isFresh && round > 0 && round % ROUNDS_OF_A_START === 0) await startAll(row, names, servers, bench);
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        bench.progress.says(row.name, `round ${round + 1}/${rounds} · ${name}`);
        if (row.isFresh) servers.set(name, await startServer(row, name, bench));
        const server = servers.get(name);
        const measured = await measureOne(row, runOf(name, server, bench, { calibration, round }));
        note(results.get(name), measured, server ?? measured);
        if (row.isFresh) await server.end();
        bench.progress.advances(measurementOf(row, bench));
      }
    }
  } finally {
    for (const server of servers.values()) await server?.end();
  }
  return { ...summary(row, results, bench), othersBusy: busy };
}

/** Starts the servers of a row, in place of those that run. */
async function startAll(row, names, servers, bench) {
  for (const name of names) {
    const running = servers.get(name);
    servers.delete(name);
    await running?.end();
    servers.set(name, await startServer(row, name, bench));
  }
}

async function calibrate(row, servers, bench) {
  if (!row.calibrate) return undefined;
  bench.progress.says(row.name, 'calibration');
  const calibration = await row.calibrate([...servers].map(([name, server]) => [name, runOf(name, server, bench)]));
  bench.progress.advances(calibrationOf(row, bench));
  return calibration;
}

async function measureOne(row, run) {
  try {
    return await row.measure(run);
  } catch (error) {
    throw new Error(`${run.contestant.title}: ${error.message}`, { cause: error });
  }
}

function note(result, { about, options, agreed, ...figures }, announced) {
  result.about = announced.about;
  result.options = announced.options;
  if (agreed) result.agreed = agreed;
  for (const [name, value] of Object.entries(figures)) {
    result.figures[name] ??= [];
    result.figures[name].push(value);
  }
}

function summary(row, results, bench) {
  const { name, title, figures } = row;
  const contestants = [...results].map(([key, result]) => ({ name: key, title: CONTESTANTS[key].title, ...result }));
  return {
    name,
    title,
    recorded: new Date().toISOString(),
    node: bench.node,
    rounds: roundsOf(row, bench),
    seconds: row.isCounted ? null : bench.seconds,
    figures,
    contestants,
    ratios: ratiosOf(row, results),
    limits: limitsOf(row, results),
  };
}
