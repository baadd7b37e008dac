// Real exchanges of packages that stand on npm ws, with this project's in its place.
//
//   node test/dependents/run.mjs FOLDER [--node PATH]…
//
// FOLDER has the packed tarballs wasock-*.tgz and wasock-ws-*.tgz. Installs all packages once, in a folder that is
// removed at the end, and runs each program here with every codec on the first Node that its packages support, and with
// the fastest one on the others. Overrides by file stand for "npm:wasock-ws@^8", which needs a registry that has it.

import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';

const run = promisify(execFile);

const HERE = import.meta.dirname;
const NO_PROGRAMS = ['run.mjs', 'ours.mjs'];
const TIME_LIMIT = 120_000;
const CODECS = ['wasm-simd', 'wasm', 'ts'];

/** The oldest Node of programs that do not support all of ours: by the `engines` of their packages, and of what these need. */
const OLDEST_NODE = {
  'fastify.mjs': 22, // cookie 2, by way of light-my-request
  'nestjs.mjs': 22, // file-type 22
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', multiple: true, default: [process.execPath] },
  },
});

/** A project in which `ws` is ours, whoever requires it. */
async function makeProject(tarballs) {
  const folder = mkdtempSync(path.join(tmpdir(), 'dependents-'));
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

/** @returns {Promise<{ path: string, version: string, major: number }[]>} */
function nodesAt(paths) {
  return Promise.all(
    paths.map(async (file) => {
      const { stdout } = await run(file, ['--version']);
      return { path: path.resolve(file), version: stdout.trim(), major: Number.parseInt(stdout.slice(1), 10) };
    }),
  );
}

/** What is to be run: one entry for each program, Node and codec. */
function jobsFor(programs, nodes) {
  return programs.flatMap((program) => {
    const supported = nodes.filter(({ major }) => major >= (OLDEST_NODE[program] ?? 0));
    if (supported.length === 0) console.log(`none ${program}: no Node that its packages support`);
    return supported.flatMap((node, index) =>
      CODECS.slice(0, index === 0 ? undefined : 1).map((codec) => ({ program, node, codec })),
    );
  });
}

/** @returns whether it went well */
async function exchange(folder, { program, node, codec }) {
  const env = { ...process.env, WASOCK_CODEC: codec };
  try {
    const { stdout } = await run(node.path, [program], { cwd: folder, env, timeout: TIME_LIMIT });
    console.log(`ok   ${node.version} ${codec.padEnd(9)} ${stdout.trim()}`);
    return true;
  } catch ({ stdout = '', stderr = '', message }) {
    console.log(`FAIL ${node.version} ${codec.padEnd(9)} ${program}\n${stdout}${stderr || message}`);
    return false;
  }
}

const programs = readdirSync(HERE).filter((file) => file.endsWith('.mjs') && !NO_PROGRAMS.includes(file));
const jobs = jobsFor(programs, await nodesAt(values.node));
const folder = await makeProject(positionals[0]);
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
