// Fails unless each command given is a line of a fenced `sh` block of the README, word for word. `.ci/run` runs the same
// strings, so that what the README tells users to type is what was run.
//
//   node .ci/readme.mjs 'npm cit' 'npm ci && npm start'

import { readFileSync } from 'node:fs';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const lines = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap((block) => block[1].split('\n'));
const missing = process.argv.slice(2).filter((command) => !lines.includes(command));
for (const command of missing) console.error(`README.md has no sh block with the line: ${command}`);
process.exitCode = missing.length === 0 ? 0 : 1;
