import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, platform } from 'node:os';
import { SCENARIOS } from '../scenarios/all.mjs';
import { nodeText } from './figure-text.mjs';

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

/** Who takes part under every Node. */
function versions() {
  const of = (path) => require(`${path}/package.json`).version;
  return { wasock: of('../..'), ws: of('ws'), bufferutil: of('bufferutil') };
}

function fileOf({ date, machine: { platform, arch, cores } }) {
  return `${date}-${platform}-${arch}-${cores}cores.json`;
}

/**
 * Today's results. They begin with the latest, which what is measured anew replaces row by row: each row says when and on what
 * machine it was recorded, because only what was measured in the same rounds can be compared.
 */
export function openResults() {
  const date = new Date().toISOString().slice(0, 10);
  const results = { date, machine: machine(), versions: versions(), sections: [] };
  const latest = latestFile();
  if (latest === undefined) return results;
  const { sections } = withMachines(JSON.parse(readFileSync(latest, 'utf8')));
  // Those without sections are history.
  if (sections) results.sections = sections;
  return results;
}

/** Earlier results name only the machine of the whole file. */
function withMachines(results) {
  const scenarios = (results.sections ?? []).flatMap((section) => Object.values(section.scenarios));
  for (const row of scenarios.flatMap(({ rows }) => rows)) row.machine ??= results.machine;
  return results;
}

function latestFile() {
  const name = readdirSync(RESULTS)
    .filter((name) => FILE.test(name))
    .sort()
    .at(-1);
  return name === undefined ? undefined : new URL(name, RESULTS);
}

/** The results that were written last. */
export function latestResults() {
  const file = latestFile();
  if (file === undefined) throw new Error('there are no results in bench/results');
  return readResults(file);
}

function readResults(file) {
  const results = JSON.parse(readFileSync(file, 'utf8'));
  if (results.sections) return withMachines(results);
  throw new Error(`${file.pathname} was written before results had a section for each Node: it is history only`);
}

/** The section of a Node, a new one at the end if there is none; `node` and `glibc` tell sections apart. */
export function openSection(results, { node, glibc, peers, leftOut }) {
  let section = results.sections.find((known) => known.node === node && known.glibc === glibc);
  if (section === undefined) {
    section = { node, glibc, scenarios: {} };
    results.sections.push(section);
  }
  return Object.assign(section, { peers, leftOut });
}

/** The path of a chart: those of the first section lie beside the page, those of each other one in a folder of its own. */
export function chartPath({ sections }, section, name) {
  const folder = section === sections[0] ? '' : `${nodeText(section).toLowerCase().replaceAll(/,? /g, '-')}/`;
  return `${folder}${name}.svg`;
}

/** Puts a row in its place, instead of what was measured of it before. */
export function mergeRow(section, { name, title, about }, row) {
  const before = section.scenarios[name]?.rows ?? [];
  const rows = [...before.filter((other) => other.name !== row.name), { ...row, machine: machine() }];
  const order = SCENARIOS.find((scenario) => scenario.name === name).rows.map((known) => known.name);
  rows.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const scenarios = { ...section.scenarios, [name]: { title, about, rows } };
  const names = SCENARIOS.map((scenario) => scenario.name).filter((known) => known in scenarios);
  section.scenarios = Object.fromEntries(names.map((known) => [known, scenarios[known]]));
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
