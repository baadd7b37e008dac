// Level with the C++ peer, and how far above npm ws: bench/README.md says what is measured, and how.
//   npm run build && (cd bench && npm ci) && npm run bench -- --help
import { readArguments, USAGE } from './arguments.mjs';
import { makeCertificate } from './certificate.mjs';
import { CONTESTANTS } from './contestants.mjs';
import { buildGenerator, Generator } from './generator.mjs';
import { durationOf, measureRow } from './measure-row.mjs';
import { missingBrokers, missingPrerequisites, NO_TLS, NO_ZLIB, noBroker } from './prerequisites.mjs';
import { endProcesses } from './processes.mjs';
import { minutes, Progress } from './progress.mjs';
import { nodeText } from './report/figure-text.mjs';
import { latestResults, mergeRow, openResults, openSection, savePage, saveResults } from './report/results.mjs';
import { goalTable, resultsPage, rowTable } from './report/table.mjs';
import { commandsOf, describeNode, findPeers } from './runtimes.mjs';
import { SCENARIOS } from './scenarios/all.mjs';

process.on('exit', endProcesses);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

try {
  await main(readArguments());
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

async function main(options) {
  if (options.help) return console.log(USAGE);
  if (options.list) return list();
  if (options.draw) return draw(latestResults());
  const missing = missingPrerequisites(options);
  if (missing.length > 0) throw new Error(missing.join('\n'));
  const common = await prepare(options);
  const scenarios = thatCanRun(options.scenarios, common);
  const benches = [];
  for (const path of options.node) benches.push(await prepareNode(path, common));
  const rows = scenarios.flatMap((scenario) => scenario.rows);
  const seconds = benches
    .flatMap((bench) => rows.map((row) => durationOf(row, bench)))
    .reduce((sum, one) => sum + one, 0);
  console.log(
    `Servers on core ${options.serverCore}, the load on core ${options.loadCore}; about ${minutes(seconds)} minutes.\n`,
  );
  const progress = new Progress(seconds);
  const results = openResults();
  let measured = 0;
  for (const bench of benches) measured += await measureNode({ ...bench, progress }, scenarios, results);
  if (common.isKept && measured > 0) await draw(results);
}

function list() {
  for (const { name, title, rows } of SCENARIOS) {
    console.log(`${name}: ${title}`);
    for (const row of rows) console.log(`  ${row.name.padEnd(20)} ${row.title}`);
  }
}

async function prepare(options) {
  const { program, hasTls, hasZlib } = await buildGenerator();
  return {
    load: new Generator(program, options.loadCore),
    certificate: hasTls ? await makeCertificate() : null,
    hasZlib,
    missingBrokers: missingBrokers(),
    among: options.among,
    isQuick: options.quick,
    isKept: !options.quick && !options.among,
    rounds: options.rounds,
    roundsNearOne: options.roundsNearOne,
    seconds: options.seconds,
    serverCore: options.serverCore,
    loadCore: options.loadCore,
  };
}

/** What is measured under one Node; who cannot take part is told, with the reason. */
async function prepareNode(path, common) {
  const commands = commandsOf(path);
  const { node, glibc } = await describeNode(path);
  const { peers, unavailable } = await findPeers(common.serverCore, commands);
  const needsMissing = ({ broker }) => common.missingBrokers.includes(broker);
  const withoutBroker = Object.values(CONTESTANTS).filter(needsMissing);
  const leftOut = [...Object.keys(unavailable).map((name) => CONTESTANTS[name]), ...withoutBroker].map(
    ({ title }) => title,
  );
  for (const [name, reason] of Object.entries(unavailable)) {
    console.log(`${nodeText({ node, glibc })}: ${CONTESTANTS[name].title} is left out: ${reason}`);
    if (reason.includes('GLIBC_')) console.log('bench/newer-glibc.sh gives a Node a newer glibc.');
  }
  return { ...common, commands, node, glibc, peers, unavailable, leftOut };
}

/** The scenarios without the rows for which the load could not be built. */
function thatCanRun(scenarios, { certificate, hasZlib, missingBrokers }) {
  if (!certificate) console.log(`${NO_TLS}: rows over TLS are left out.`);
  if (!hasZlib) console.log(`${NO_ZLIB}: rows with compression are left out.`);
  for (const command of missingBrokers) console.log(`${noBroker(command)}: whoever needs it is left out.`);
  const canRun = ({ isTls, needsZlib }) => (certificate || !isTls) && (hasZlib || !needsZlib);
  return scenarios
    .map((scenario) => ({ ...scenario, rows: scenario.rows.filter(canRun) }))
    .filter(({ rows }) => rows.length > 0);
}

/** Measures all rows under one Node; returns how many there are results of. */
async function measureNode(bench, scenarios, results) {
  const measured = [];
  const keep = (scenario, row) => {
    measured.push({ scenario, row });
    mergeRow(openSection(results, bench), scenario, row);
    if (bench.isKept) saveResults(results);
  };
  console.log(`${[nodeText(bench), ...bench.peers].join(', ')}\n`);
  for (const scenario of scenarios) await measureScenario(scenario, bench, keep);
  bench.progress.clears();
  console.log(goalTable(measured));
  return measured.length;
}

/** Each row is printed and kept as soon as it is measured; one that fails leaves the others alone. */
async function measureScenario(scenario, bench, keep) {
  for (const row of scenario.rows) {
    try {
      const result = await measureRow(row, bench);
      bench.progress.clears();
      console.log(rowTable(scenario, result));
      keep(scenario, result);
    } catch (error) {
      bench.progress.clears();
      console.error(`FAILED: ${scenario.name} ${row.name}: ${error.message}\n`);
      process.exitCode = 1;
    }
  }
}

async function draw(results) {
  savePage(resultsPage(results));
  // Loaded only here: it takes longer than anything else that is imported.
  const { drawCharts } = await import('./report/chart.mjs');
  for (const file of await drawCharts(results)) console.log(`drawn: bench/results/${file}`);
}
