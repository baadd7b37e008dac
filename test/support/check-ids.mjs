// Compares the ids that the project's documents promise with the titles of the tests that ran.
//
//   npm test                                      vitest run, then this
//   node test/support/check-ids.mjs [reports]     this alone, on the report of the last full run, or on several together
//
// Fails with a list of every id that no test names, of every test with an id in its title that failed somewhere, or that
// passed nowhere (skipped or left to do in all projects), and of every id in a title that no document lists. A test that
// ran without an assertion is among the failed: `expect.requireAssertions` in vitest.config.mts fails it, so an empty test
// cannot stand for an id. Suites that say in their titles which program they lack are left out, with ids that only they
// name; with WASOCK_REQUIRE_PEERS=1, as in CI, they fail instead.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(import.meta.dirname ?? path.dirname(fileURLToPath(import.meta.url)), '../..');

/**
 * Documents whose tables have an id in the first column. A test names an id as prefix and id: `seed.S1`. Where one document
 * has ids of several kinds, the prefix stands in the table.
 */
const LISTS = [
  { file: 'docs/seed.md', prefix: 'seed.' },
  { file: 'docs/ws-compat.md', prefix: 'ws.' },
  { file: 'docs/conformance.md', prefix: '' },
];

const REPORT = '.vitest/test-report.json';

/** Test files that `npm test` leaves out. Without a report of them an id of theirs is not asked for. */
const LONG = [
  'test/reliability/time.test.ts',
  'test/hostile/memory.test.ts',
  'test/hostile/resets.test.ts',
  'test/broker/cluster-long.test.ts',
  'test/broker/nats-long.test.ts',
  'test/broker/redis-long.test.ts',
];

/**
 * The ids of a document: the first column of each table whose first column is headed `id`.
 *
 * @param {string} markdown
 * @returns {string[]} in the order of the document; an id that is there twice is there twice
 * @throws {Error} at a row whose first cell is not one id in a code span, so that no row can drop out unseen
 */
export function idsOf(markdown) {
  const ids = [];
  let inTable = false;
  for (const line of markdown.split('\n')) {
    const cell = /^\|([^|]*)\|/.exec(line)?.[1].trim();
    if (cell === 'id') inTable = true;
    else if (cell === undefined) inTable = false;
    else if (inTable && !/^:?-+:?$/.test(cell)) {
      const id = /^`([\w./@-]+)`$/.exec(cell)?.[1];
      if (id === undefined) throw new Error(`Not an id: ${line}`);
      ids.push(id);
    }
  }
  return ids;
}

/**
 * Whether a title names an id as a whole word: `seed.S1` is neither in "seed.S10" nor in "seed.S1.x" nor in "my.seed.S1",
 * but it is in "seed.S1: …" and at the end of a sentence.
 *
 * @param {string} title
 * @param {string} id prefix included
 */
export function names(title, id) {
  return new RegExp(`(?<![\\w.-])${id.replaceAll(/[.-]/g, '\\$&')}(?![\\w/-]|\\.\\w)`).test(title);
}

/**
 * What looks like an id in titles, and is in no list: with the prefix of one that is listed, and then a capital or a digit.
 * So `ws.send` is none, and a prefix that no list has is not known.
 *
 * @param {string[]} ids prefix included
 * @param {{ fullName: string }[]} tests
 * @returns {string[]} one line for each such id and title
 */
export function unlistedIn(ids, tests) {
  const prefixes = new Set(ids.map((id) => id.slice(0, id.indexOf('.'))));
  const id = new RegExp(`(?<![\\w.-])(?:${[...prefixes].join('|')})\\.(?=[A-Z\\d])[\\w./@-]*\\w`, 'g');
  const listed = new Set(ids);
  const unlisted = new Set();
  for (const { fullName } of tests) {
    for (const [name] of fullName.matchAll(id)) if (!listed.has(name)) unlisted.add(`${name}: in no list: ${fullName}`);
  }
  return [...unlisted];
}

/**
 * Whether a test was skipped because a program is missing: `describePeer` in test/support/peers.ts says so in the title.
 *
 * @param {{ fullName: string, status: string }} test
 */
export function lacksProgram({ fullName, status }) {
  return status === 'skipped' && /\(skipped: no .+\)/.test(fullName);
}

/**
 * @param {string[]} ids prefix included
 * @param {{ fullName: string, status: string }[]} tests one a test and project
 * @returns {string[]} one line for each thing that keeps an id from being shown to hold
 */
export function problemsOf(ids, tests) {
  const problems = [];
  const seen = new Set();
  for (const id of ids) {
    if (seen.has(id)) problems.push(`${id}: listed twice`);
    seen.add(id);
    const named = tests.filter((test) => names(test.fullName, id));
    if (named.length === 0) problems.push(`${id}: no test names it`);
    for (const title of new Set(named.map((test) => test.fullName))) {
      const statuses = named.filter((test) => test.fullName === title).map((test) => test.status);
      if (statuses.includes('failed')) problems.push(`${id}: failed: ${title}`);
      else if (!statuses.includes('passed')) problems.push(`${id}: passed nowhere (${statuses[0]}): ${title}`);
    }
  }
  return problems;
}

function main(reportFiles) {
  const reports = reportFiles.map((file) => JSON.parse(readFileSync(file, 'utf8')));
  const results = reports.flatMap(({ testResults }) => testResults);
  const all = results.flatMap((file) => file.assertionResults);
  const tests = all.filter((test) => !lacksProgram(test));
  const lacking = all.filter(lacksProgram);
  const listed = LISTS.flatMap(({ file, prefix }) => {
    const found = idsOf(readFileSync(path.join(ROOT, file), 'utf8'));
    if (found.length === 0) throw new Error(`${file} lists no id`);
    return found.map((id) => prefix + id);
  });
  const notRun = LONG.filter((file) => !results.some(({ name }) => name.endsWith(file)));
  const titles = notRun.map((file) => readFileSync(path.join(ROOT, file), 'utf8'));
  const unshown = listed.filter((id) => !tests.some(({ fullName }) => names(fullName, id)));
  const without = unshown.filter((id) => lacking.some(({ fullName }) => names(fullName, id)));
  const long = unshown.filter((id) => !without.includes(id) && titles.some((text) => names(text, id)));
  const ids = listed.filter((id) => !without.includes(id) && !long.includes(id));
  const problems = [...problemsOf(ids, tests), ...unlistedIn(listed, all)];
  if (reports.some(({ success }) => !success)) problems.push('a run of vitest failed');
  for (const problem of problems) console.error(problem);
  console.log(`${ids.length} ids in ${LISTS.map(({ file }) => file).join(', ')}, ${problems.length} problems`);
  if (long.length > 0) console.log(`${long.length} more are shown by npm run test:long`);
  if (without.length > 0)
    console.log(`${without.length} more need a program that is missing here, as titles of suites say`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const given = process.argv.slice(2).map((file) => path.resolve(file));
  main(given.length > 0 ? given : [path.join(ROOT, REPORT)]);
}
