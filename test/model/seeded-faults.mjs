// Shows that the model test is not gentle: puts faults into a copy of build/, one at a time, and has the model test find each.
//
//   node test/model/seeded-faults.mjs [--minutes 1] [--seed N] [--fault PART OF ITS NAME] [--build DIR]
//
// The exit code is 1 if one is missed, if a fault does not fit the build any more, or if the build without any has a finding.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FAULTS } from './faults.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const RUN = path.join(ROOT, 'test/model/run.mjs');

const { values: args } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    fault: { type: 'string', default: '' },
    build: { type: 'string', default: path.join(ROOT, 'build') },
  },
});

/** @returns a folder with a copy of the package as it is installed */
function copyOfPackage() {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasock-model-'));
  cpSync(path.join(ROOT, 'package.json'), path.join(folder, 'package.json'));
  cpSync(args.build, path.join(folder, 'build'), { recursive: true });
  return folder;
}

/** @param edits `{ file, find, replace }`, each for exactly one place of a file of build/ @throws Error if there is not one */
function seed(folder, edits) {
  for (const { file, find, replace } of edits) {
    const target = path.join(folder, 'build', file);
    const parts = readFileSync(target, 'utf8').split(find);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${find}`);
    writeFileSync(target, parts.join(replace));
  }
}

/** Runs the model test on this build. @returns {{ isFound: boolean, seconds: number, how: string }} */
function search(build, minutes, { entry = 'all', only = [] } = {}) {
  const began = performance.now();
  const options = ['--build', build, '--minutes', String(minutes), '--seed', args.seed, '--entry', entry, '--quick'];
  if (only.length > 0) options.push('--only', only.join());
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUN, ...options], {
    encoding: 'utf8',
    timeout: minutes * 60_000 + 30_000,
  });
  const seconds = (performance.now() - began) / 1000;
  // A loop without an end is found, too.
  if (status === null) return { isFound: true, seconds, how: 'it hangs' };
  const rule = /^ {2}(.*)$/m.exec(stdout)?.[1] ?? stderr.trim().split('\n')[0] ?? '';
  // A build that does not load finds nothing.
  if (!/, \d+ findings/.test(stdout)) throw new Error(rule);
  return { isFound: status !== 0, seconds, how: status === 0 ? '' : rule };
}

function row(name, result, seconds, how) {
  console.log(`${name.padEnd(72)} ${result.padEnd(8)} ${seconds.toFixed(1).padStart(5)} s  ${how.slice(0, 90)}`);
}

/** @returns whether the fault was found */
function tryFault(name, { edits, ...options }) {
  const folder = copyOfPackage();
  try {
    seed(folder, edits);
    const { isFound, seconds, how } = search(path.join(folder, 'build'), Number(args.minutes), options);
    row(name, isFound ? 'found' : 'MISSED', seconds, how);
    return isFound;
  } catch (error) {
    row(name, 'NO FIT', 0, error.message);
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The build as it is. @returns whether nothing was found */
function tryNone() {
  const { isFound, seconds, how } = search(args.build, Number(args.minutes) / 2);
  row('none: the build as it is', isFound ? 'FAULTY' : 'clean', seconds, how);
  return !isFound;
}

const chosen = FAULTS.filter(({ name }) => name.includes(args.fault));
const results = [tryNone(), ...chosen.map(({ name, ...fault }) => tryFault(name, fault))];
process.exit(results.every(Boolean) ? 0 : 1);
