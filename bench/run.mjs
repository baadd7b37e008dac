// Level with the C++ peer, and how far above npm ws: bench/README.md says what is measured, and how.
//   npm run build && (cd bench && npm ci) && npm run bench -- --help
import { readArguments, USAGE } from './arguments.mjs';
import { makeCertificate } from './certificate.mjs';
import { buildGenerator, Generator } from './generator.mjs';
import { durationOf, measureRow } from './measure-row.mjs';
import { missingPrerequisites, NO_TLS } from './prerequisites.mjs';
import { endProcesses, startScript } from './processes.mjs';
import { minutes, Progress } from './progress.mjs';
import { latestResults, mergeRow, openResults, savePage, saveResults } from './report/results.mjs';
import { goalTable, resultsPage, rowTable } from './report/table.mjs';
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
  const bench = await prepare(options);
  const scenarios = withoutTls(options.scenarios, bench);
  const seconds = scenarios.flatMap(({ rows }) => rows).reduce((sum, row) => sum + durationOf(row, bench), 0);
  console.log(
    `Servers on core ${options.serverCore}, the load on core ${options.loadCore}; about ${minutes(seconds)} minutes.\n`,
  );
  bench.progress = new Progress(seconds);
  const results = openResults();
  const measured = [];
  for (const scenario of scenarios) await measureScenario(scenario, { bench, results, measured, options });
  bench.progress.clears();
  console.log(goalTable(measured));
  if (!options.quick && measured.length > 0) await draw(results);
}

function list() {
  for (const { name, title, rows } of SCENARIOS) {
    console.log(`${name}: ${title}`);
    for (const row of rows) console.log(`  ${row.name.padEnd(20)} ${row.title}`);
  }
}

async function prepare(options) {
  const { program, hasTls } = await buildGenerator();
  return {
    load: new Generator(program, options.loadCore),
    certificate: hasTls ? await makeCertificate() : null,
    isQuick: options.quick,
    rounds: options.rounds,
    seconds: options.seconds,
    serverCore: options.serverCore,
    loadCore: options.loadCore,
    unavailable: await findUnavailable(options),
  };
}

/** Contestants that cannot run under this Node, with the reason, which is told. */
async function findUnavailable({ serverCore }) {
  const uws = await startScript(serverCore, './servers/uws.mjs');
  await uws.end();
  if (!uws.unavailable) return {};
  console.log(`${uws.unavailable}: left out.`);
  return { uws: uws.unavailable };
}

function withoutTls(scenarios, { certificate }) {
  if (certificate) return scenarios;
  console.log(`${NO_TLS}: rows over TLS are left out.`);
  const plain = scenarios.map((scenario) => ({ ...scenario, rows: scenario.rows.filter(({ isTls }) => !isTls) }));
  return plain.filter(({ rows }) => rows.length > 0);
}

/** Each row is printed and written as soon as it is measured; one that fails leaves the others alone. */
async function measureScenario(scenario, { bench, results, measured, options }) {
  for (const row of scenario.rows) {
    try {
      const result = await measureRow(row, bench);
      bench.progress.clears();
      console.log(rowTable(scenario, result));
      measured.push({ scenario, row: result });
      mergeRow(results, scenario, result);
      if (!options.quick) saveResults(results);
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
