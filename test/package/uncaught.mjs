// What a user reads who does not catch an error of the packed package: its message, before a pipe or a terminal has had enough.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** Bytes within which the message is to be. */
const SOON = 4096;

const PROGRAMS = [
  ["await w.newWebSocket('ws://127.0.0.1:1/')", 'No connection to ws://127.0.0.1:1'],
  ['await w.serve({ port: 0, maxPayLoad: 1 })', 'maxPayload'],
  ["await w.newWebSocket('ws://127.0.0.1:1/', { headers: {} })", 'TypeError'],
];

for (const [program, expected] of PROGRAMS) {
  for (const get of ["await import('wasock')", "require('wasock')"]) {
    const code = get.startsWith('await')
      ? ['--input-type=module', '-e', `const w = ${get}; ${program};`]
      : ['-e', `const w = ${get}; (async () => { ${program}; })();`];
    const { stderr, status } = spawnSync(process.execPath, code, { encoding: 'utf8' });
    assert.equal(status, 1, stderr);
    const at = stderr.indexOf(expected);
    assert.ok(
      at >= 0 && at < SOON,
      `${program}: ${expected} is at ${at} of what was printed:\n${stderr.slice(0, SOON)}`,
    );
  }
}
console.log('uncaught errors are readable');
