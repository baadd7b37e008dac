// Real exchanges of packages that stand on npm ws, with this project's in its place.
//
//   node test/exchanges/run.mjs FOLDER [--node PATH]… [--codec KIND]…
//
// FOLDER has the packed tarballs wasock-*.tgz and wasock-ws-*.tgz. Installs all packages once, in a folder that is
// removed at the end, and runs each program here with each Node and each codec. Overrides by file stand for
// "npm:wasock-ws@^8", which needs a registry that has it.

import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';

const run = promisify(execFile);

const HERE = import.meta.dirname;
const NO_PROGRAMS = ['run.mjs', 'ours.mjs'];
const TIME_LIMIT = 120_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', multiple: true, default: [process.execPath] },
    codec: { type: 'string', multiple: true, default: ['wasm-simd'] },
  },
});

/** A project in which `ws` is ours, whoever requires it. */
async function makeProject(tarballs) {
  const folder = mkdtempSync(path.join(tmpdir(), 'exchanges-'));
  cpSync(HERE, folder, { recursive: true });
  const tarball = (pattern) => {
    const name = readdirSync(tarballs).find((file) => pattern.test(file));
    if (name === undefined) throw new Error(`No ${pattern} in ${tarballs}`);
    return `file:${path.resolve(tarballs, name)}`;
  };
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  manifest.dependencies.wasock = tarball(/^wasock-\d.*\.tgz$/);
  manifest.dependencies.ws = tarball(/^wasock-ws-.*\.tgz$/);
  manifest.overrides = { wasock: '$wasock', ws: '$ws' };
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], { cwd: folder });
  return folder;
}

/** @returns whether it went well */
async function exchange(folder, { program, node, codec }) {
  const env = { ...process.env, WASOCK_CODEC: codec };
  const options = { cwd: folder, env, timeout: TIME_LIMIT };
  const { stdout: version } = await run(node, ['--version']);
  try {
    const { stdout } = await run(node, [program], options);
    console.log(`ok   ${version.trim()} ${codec.padEnd(9)} ${stdout.trim()}`);
    return true;
  } catch ({ stdout = '', stderr = '', message }) {
    console.log(`FAIL ${version.trim()} ${codec.padEnd(9)} ${program}\n${stdout}${stderr || message}`);
    return false;
  }
}

const folder = await makeProject(positionals[0]);
const programs = readdirSync(HERE).filter((file) => file.endsWith('.mjs') && !NO_PROGRAMS.includes(file));
const jobs = values.node.flatMap((node) =>
  values.codec.flatMap((codec) => programs.map((program) => ({ program, node: path.resolve(node), codec }))),
);
let failed = 0;
async function work() {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    if (!(await exchange(folder, job))) failed++;
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work));
rmSync(folder, { recursive: true, force: true });
console.log(failed === 0 ? 'all exchanges went well' : `${failed} exchanges failed`);
process.exitCode = failed === 0 ? 0 : 1;
