// What other runtimes than Node can do with the packed tarball, and what they use of the library.
//
//   node test/runtimes/run.mjs FOLDER [--node PATH]… [--write]
//
// FOLDER has the packed tarball wasock-*.tgz. Installs Bun and Deno beside it, in a folder that is removed at the end, and runs
// exchange.mjs on each of them and on each Node, which have to be alike. What inflate has to say there comes from the vectors and the
// oracle of the suite. Fails if a check does, or if the table in docs/runtimes.md is another than what was found; --write writes it there.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual, parseArgs, promisify } from 'node:util';
import { inflateVerdicts } from '../support/inflate-verdicts.mjs';
import { installProject, PACKED, versionAt } from '../support/installed-project.mjs';

const run = promisify(execFile);

const PAGE = path.join(import.meta.dirname, '../../docs/runtimes.md');
const BUILD = path.join(import.meta.dirname, '../../build');
const TIME_LIMIT = 180_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', multiple: true, default: [process.execPath] },
    write: { type: 'boolean' },
  },
});

const { folder, remove } = await installProject(import.meta.dirname, positionals[0], { wasock: PACKED.wasock });

// The package has bundles, whose parts cannot be asked one by one.
const unbundled = path.join(folder, 'unbundled');
const isPackage = (file) => /[\\/]build[\\/](?:wasock|modules)/.test(file);
cpSync(BUILD, path.join(unbundled, 'build'), { recursive: true, filter: (file) => !isPackage(file) });
writeFileSync(path.join(unbundled, 'package.json'), '{ "imports": { "#wasm-bytes": "./build/codec/wasm-bytes.js" } }');

writeFileSync(path.join(folder, 'verdicts.json'), JSON.stringify(await inflateVerdicts()));

const installed = (name) => path.join(folder, 'node_modules/.bin', name);

/** @returns {Promise<{ uses: Record<string, string>, results: Record<string, string> }>} */
async function exchange({ name, command: [file, ...flags] }) {
  const { stdout, stderr } = await run(file, [...flags, 'exchange.mjs'], { cwd: folder, timeout: TIME_LIMIT }).catch(
    (error) => error,
  );
  const line = (stdout ?? '').trim().split('\n').at(-1);
  if (!line?.startsWith('{')) throw new Error(`${name}: ${stdout}${stderr}`);
  return JSON.parse(line);
}

const tableRow = (cells) => `| ${cells.join(' | ')} |`;

function tableOf(outcomes) {
  const rows = [
    ['', ...outcomes.map(({ name }) => name)],
    ['---', ...outcomes.map(() => '---')],
  ];
  for (const what of Object.keys(outcomes[0].uses))
    rows.push([`**${what}**`, ...outcomes.map(({ uses }) => uses[what])]);
  for (const check of Object.keys(outcomes[0].results)) {
    rows.push([check, ...outcomes.map(({ results }) => (results[check] === 'ok' ? 'yes' : '**no**'))]);
  }
  return rows.map(tableRow).join('\n');
}

async function runtimeAt(name, file, flags = []) {
  return { name: `${name} ${await versionAt(file)}`, command: [file, ...flags] };
}

/** @returns a column of the table for each of some runtimes */
async function columnsOf(runtimes) {
  const columns = [];
  for (const runtime of runtimes) {
    const outcome = await exchange(runtime);
    for (const [check, result] of Object.entries(outcome.results)) {
      if (result === 'ok') continue;
      console.error(`FAIL ${runtime.name}: ${check}\n${result}`);
      process.exitCode = 1;
    }
    columns.push({ name: runtime.name, ...outcome });
  }
  return columns;
}

try {
  const nodes = await columnsOf(await Promise.all(values.node.map((file) => runtimeAt('Node', path.resolve(file)))));
  const others = await columnsOf([
    await runtimeAt('Bun', installed('bun')),
    await runtimeAt('Deno', installed('deno'), ['run', '--allow-all']),
  ]);
  const [{ uses, results }, ...rest] = nodes;
  assert.ok(
    rest.every((each) => isDeepStrictEqual([each.uses, each.results], [uses, results])),
    'the Nodes differ',
  );
  const majors = nodes.map(({ name }) => name.split(/[ .]/)[1]);
  const table = tableOf([{ name: `Node ${majors.join(', ')}`, uses, results }, ...others]);
  console.log(table);
  const page = readFileSync(PAGE, 'utf8');
  const [old] = /^\| {2}\|(.*\n)+?(?=\n)/m.exec(page);
  if (values.write) writeFileSync(PAGE, page.replace(old, `${table}\n`));
  else assert.equal(old, `${table}\n`, 'docs/runtimes.md has another table: run this with --write');
} finally {
  remove();
}
