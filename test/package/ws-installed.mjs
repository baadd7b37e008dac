// As ws-installed.cjs, from an ECMAScript module.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import WebSocket, * as named from 'ws';

const require = createRequire(import.meta.url);
const exported = await import('wasock/ws');

assert.equal(WebSocket, exported.default);
assert.equal(WebSocket, require('ws'));
const names = Object.keys(exported).filter((name) => name !== 'module.exports');
assert.deepEqual(Object.keys(named).sort(), names.sort());
for (const name of names) assert.equal(named[name], exported[name], name);
for (const name of process.argv.slice(2))
  assert.equal((await import(name)).default, WebSocket, `${name} has another ws`);
