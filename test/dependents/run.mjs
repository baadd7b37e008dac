// Real exchanges of packages that stand on npm ws, with this project's in its place.
//
//   node test/dependents/run.mjs FOLDER [--node PATH]…
//
// FOLDER has the packed tarballs wasock-*.tgz and wasock-ws-*.tgz. Installs all packages once, in a folder that is
// removed at the end, and runs each program here with every codec on the first Node that its packages support, and with
// the fastest one on the others. Overrides by file stand for "npm:wasock-ws@^8", which needs a registry that has it.

import { execFile } from 'node:child_process';
import { cpSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { installProject, PACKED, versionAt } from '../support/installed-project.mjs';

const run = promisify(execFile);

const HERE = import.meta.dirname;
const NO_PROGRAMS = ['run.mjs', 'ours.mjs', 'framework-guide.mjs'];
const TIME_LIMIT = 120_000;
const CODECS = ['wasm-simd', 'wasm', 'ts'];

/** The oldest Node of programs that do not support all of ours: by the `engines` of their packages, and of what these need. */
const OLDEST_NODE = {
  'fastify.mjs': 22, // cookie 2, by way of light-my-request
  'frameworks.mjs': 22, // as fastify.mjs and nestjs.mjs
  'handlers.mjs': 22, // as fastify.mjs and nestjs.mjs
  'hocuspocus.mjs': 22,
  'miniflare.mjs': 22, // itself
  'kubernetes.mjs': 22, // undici 8
  'nestjs.mjs': 22, // file-type 22
};

/** Programs that use `wasock` and no `ws`: the codec makes no difference to them. */
const ONE_CODEC = ['frameworks.mjs', 'handlers.mjs', 'next.mjs', 'vite.mjs'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', multiple: true, default: [process.execPath] },
  },
});

/** @returns {Promise<{ path: string, version: string, major: number }[]>} */
function nodesAt(paths) {
  return Promise.all(
    paths.map(async (file) => {
      const version = await versionAt(file);
      return { path: path.resolve(file), version: `v${version}`, major: Number.parseInt(version, 10) };
    }),
  );
}

/** What is to be run: one entry for each program, Node and codec. */
function jobsFor(programs, nodes) {
  return programs.flatMap((program) => {
    const supported = nodes.filter(({ major }) => major >= (OLDEST_NODE[program] ?? 0));
    if (supported.length === 0) console.log(`none ${program}: no Node that its packages support`);
    return supported.flatMap((node, index) => {
      const codecs = index === 0 && !ONE_CODEC.includes(program) ? CODECS : CODECS.slice(0, 1);
      return codecs.map((codec) => ({ program, node, codec }));
    });
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
// `ws` is ours, whoever requires it.
const { folder, remove } = await installProject(HERE, positionals[0], PACKED, ['--ignore-scripts']);
// Its programs are run there as they stand.
cpSync(path.resolve(HERE, '../../docs/frameworks.md'), path.join(folder, 'frameworks.md'));
let failed = 0;
async function work() {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    if (!(await exchange(folder, job))) failed++;
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work));
remove();
console.log(failed === 0 ? 'all exchanges went well' : `${failed} exchanges failed`);
process.exitCode = failed === 0 ? 0 : 1;
