import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, platform } from 'node:os';
import { SCENARIOS } from '../scenarios/all.mjs';

const require = createRequire(import.meta.url);

/** Where results and charts are. */
export const RESULTS = new URL('../results/', import.meta.url);

/** Files of this bench, and not those of micro/. */
const FILE = /^\d{4}-\d\d-\d\d-.+\.json$/;

/** What the machine is, without its name. */
function machine() {
  const cores = cpus();
  return { cpu: cores[0].model, cores: cores.length, platform: platform(), arch: arch() };
}

function versions() {
  const of = (path) => require(`${path}/package.json`).version;
  const uws = of('@trufflesuite/uws-js-unofficial').split('-')[0];
  return { wasock: of('../..'), ws: of('ws'), bufferutil: of('bufferutil'), uws };
}

function fileOf({ date, machine: { platform, arch, cores } }) {
  return `${date}-${platform}-${arch}-${cores}cores.json`;
}

/** Today's results on this machine, as far as there are some: what is measured anew replaces them row by row. */
export function openResults() {
  const results = { date: new Date().toISOString().slice(0, 10), machine: machine(), scenarios: {} };
  const file = new URL(fileOf(results), RESULTS);
  if (existsSync(file)) results.scenarios = JSON.parse(readFileSync(file, 'utf8')).scenarios;
  return { ...results, node: process.version, versions: versions() };
}

/** The results that were written last. */
export function latestResults() {
  const file = readdirSync(RESULTS)
    .filter((name) => FILE.test(name))
    .sort()
    .at(-1);
  if (file === undefined) throw new Error('there are no results in bench/results');
  return JSON.parse(readFileSync(new URL(file, RESULTS), 'utf8'));
}

/** Puts a row in its place, instead of what was measured of it before. */
export function mergeRow(results, { name, title, about }, row) {
  const before = results.scenarios[name]?.rows ?? [];
  const rows = [...before.filter((other) => other.name !== row.name), row];
  const order = SCENARIOS.find((scenario) => scenario.name === name).rows.map((known) => known.name);
  rows.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const scenarios = { ...results.scenarios, [name]: { title, about, rows } };
  const names = SCENARIOS.map((scenario) => scenario.name).filter((known) => known in scenarios);
  results.scenarios = Object.fromEntries(names.map((known) => [known, scenarios[known]]));
}

/** Writes the page that shows all results as tables, beside the charts. */
export function savePage(page) {
  writeFileSync(new URL('README.md', RESULTS), page);
}

/** Writes the results to their file. */
export function saveResults(results) {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(new URL(fileOf(results), RESULTS), `${JSON.stringify(results, null, 1)}\n`);
}
