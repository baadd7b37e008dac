// Runs the load against peers that tell the truth or lie, and says whether it noticed.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { serve } from './check-peers.mjs';

const load = join(mkdtempSync(join(tmpdir(), 'load-')), 'load');
execFileSync('make', ['-s', '-C', fileURLToPath(new URL('.', import.meta.url)), `OUT=${load}`]);

/** Starts the load; `words` is its command line, or a list of its words. */
export function spawnLoad(words) {
  const child = spawn(load, typeof words === 'string' ? words.split(' ') : words);
  const errors = [];
  child.stderr.on('data', (data) => errors.push(data));
  const lines = [];
  const reader = createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line)));
  const ended = once(child, 'close').then(([code]) => ({ code, error: errors.join(''), result: lines.at(-1) }));
  return { reader, ended };
}

/** Runs the load against a server of `check-peers.mjs`, whose port stands for the word PORT. */
export async function runAgainst(words, behaviour) {
  const server = await serve(behaviour);
  const port = String(server.address().port);
  const list = typeof words === 'string' ? words.split(' ') : words;
  const outcome = await spawnLoad(list.map((word) => (word === 'PORT' ? port : word))).ended;
  server.close();
  return outcome;
}

let passed = 0;
let failed = 0;

/** What must be found is a message, or a judge of the result. */
export function judge(name, { code, error, result }, wanted) {
  const isRight = typeof wanted === 'function' ? code === 0 && wanted(result) : code === 1 && wanted.test(error);
  if (isRight) passed++;
  else failed++;
  console.log(`${isRight ? 'ok  ' : 'FAIL'} ${name}${isRight ? '' : `: ${code} ${error}${JSON.stringify(result)}`}`);
}

/** Says how many were right, and ends the process with 1 if not all. */
export function summarize() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
